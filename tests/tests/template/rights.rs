//! What roles may do, compared with the calls that functions make.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::document::{Resource, Template, list, referred, root, strings};

/// An action of IAM and the resource that it is about, by its name in the template.
type Right = (String, String);

/// The calls of a function as `calls.json` has them; the deployed stack's tests say which are made in each run.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Calls {
    always: BTreeSet<String>,
    #[serde(rename = "not always")]
    not_always: BTreeMap<String, String>,
}

/// Each function may do what it was seen to do and what Lambda does in its name, where it does it, and nothing else.
#[test]
fn every_call_is_granted_and_nothing_else() {
    let template = Template::load();
    let calls = calls();
    assert_eq!(calls.keys().collect::<Vec<_>>(), template.functions().keys().collect::<Vec<_>>());
    for (name, function) in template.functions() {
        let role = template.resource(referred(function.property("Role")).unwrap());
        let granted: BTreeSet<Right> = statements(role).iter().flat_map(|it| rights(it)).collect();
        let of_calls =
            calls[&name].always.iter().chain(calls[&name].not_always.keys()).flat_map(|it| needed(it));
        let needed: BTreeSet<Right> = of_calls.chain(by_lambda(function)).collect();
        let missing: Vec<_> =
            needed.iter().filter(|needed| !granted.iter().any(|granted| covers(granted, needed))).collect();
        assert!(missing.is_empty(), "{name} lacks {missing:?}");
        let unused: Vec<_> =
            granted.iter().filter(|granted| !needed.iter().any(|needed| covers(granted, needed))).collect();
        assert!(unused.is_empty(), "{name} may do {unused:?}, which it does not");
    }
}

#[test]
fn a_call_that_is_not_always_made_has_a_reason() {
    for (function, calls) in calls() {
        for (call, reason) in calls.not_always {
            assert!(reason.len() > 20, "{function}: {call}: {reason}");
            assert!(!calls.always.contains(&call), "{function}: {call} is always made and is not");
        }
    }
}

#[test]
fn a_wildcard_has_a_stated_reason() {
    let template = Template::load();
    let stated = template.0["Metadata"]["PenstockWildcards"].as_object().unwrap();
    let stated: BTreeSet<String> = stated.keys().cloned().collect();
    let mut found = BTreeSet::new();
    for role in template.of_type("AWS::IAM::Role") {
        for statement in statements(role).into_iter().filter(|it| has_wildcard(&it["Resource"])) {
            found.insert(format!("{}.{}", role.name, statement["Sid"].as_str().unwrap()));
        }
        let attached = strings(role.property("ManagedPolicyArns"));
        let known = |text: &&str| {
            ["WithTracing", "WithDefaultActionPolicies", "WithCommandsPolicies", "DefaultActionPolicyArns"]
                .contains(text)
                || ["CommandsPolicyArns", "AWS::NoValue"].contains(text)
                || text.ends_with("/AWSXRayDaemonWriteAccess")
        };
        assert!(attached.iter().all(known), "{} has {attached:?}", role.name);
    }
    for kind in ["AWS::S3::BucketPolicy", "AWS::SQS::QueuePolicy", "AWS::SNS::TopicPolicy"] {
        for policy in template.of_type(kind) {
            let statements = list(&policy.property("PolicyDocument")["Statement"]);
            if statements.iter().any(|statement| has_wildcard(&statement["Resource"])) {
                found.insert(policy.name.to_owned());
            }
        }
    }
    assert_eq!(found, stated);
}

#[test]
fn whoever_a_policy_admits_is_bound_to_a_source() {
    let template = Template::load();
    for kind in ["AWS::SQS::QueuePolicy", "AWS::SNS::TopicPolicy", "AWS::S3::BucketPolicy"] {
        for policy in template.of_type(kind) {
            for statement in list(&policy.property("PolicyDocument")["Statement"]) {
                let condition = statement["Condition"].to_string();
                let is_bound = condition.contains("aws:SourceArn");
                assert!(statement["Effect"] == "Deny" || is_bound, "{}: {statement}", policy.name);
            }
        }
    }
    for permission in template.of_type("AWS::Lambda::Permission") {
        assert!(!permission.property("SourceArn").is_null(), "{} admits anybody's", permission.name);
    }
    for role in template.of_type("AWS::IAM::Role") {
        for statement in list(&role.property("AssumeRolePolicyDocument")["Statement"]) {
            let is_lambda = statement["Principal"]["Service"] == "lambda.amazonaws.com";
            assert!(
                is_lambda || statement["Condition"].is_object(),
                "{} is trusted without a condition",
                role.name
            );
        }
    }
}

#[test]
fn only_what_is_tagged_or_listed_may_be_assumed() {
    let template = Template::load();
    for role in ["ActionRole", "ArtifactRole"] {
        let statements = statements(template.resource(role));
        let assuming: Vec<_> = statements.iter().filter(|it| it["Action"] == "sts:AssumeRole").collect();
        assert_eq!(assuming.len(), 2, "{role}");
        for statement in assuming {
            let is_tagged =
                statement["Condition"]["StringEquals"]["aws:ResourceTag/penstock:assumable"] == "true";
            let is_listed = statement["Resource"]["Ref"] == "AssumableRoleArns";
            assert!(is_tagged || is_listed, "{role}: {statement}");
        }
    }
    let default = template.resource("DefaultActionRole");
    let trust = &default.property("AssumeRolePolicyDocument")["Statement"][0];
    let trusted: Vec<_> =
        list(&trust["Principal"]["AWS"]).into_iter().map(|it| referred(it).unwrap()).collect();
    assert_eq!(trusted, ["ActionRole", "ArtifactRole"]);
    assert!(trust["Condition"]["StringEquals"]["sts:ExternalId"].is_object());
}

/// The default role may do what the provider of builds calls, on the stack's projects, and nothing else. What it calls is read
/// from its code, as no emulator enforces these rights.
#[test]
fn the_default_role_may_do_what_builds_take_and_nothing_else() {
    let template = Template::load();
    let called = regex::Regex::new(r"\.((?:start|stop|list|batch_get)_build\w*|get_log_events)\(\)").unwrap();
    let words = |method: &str| -> String {
        let words = method.split('_').map(|word| word[..1].to_uppercase() + &word[1..]);
        words.collect()
    };
    let mut calls = BTreeSet::new();
    for file in fs::read_dir(root().join("shared/aws/src/provider/codebuild")).unwrap() {
        let text = fs::read_to_string(file.unwrap().path()).unwrap();
        for found in called.captures_iter(&text) {
            let service = if &found[1] == "get_log_events" { "logs" } else { "codebuild" };
            calls.insert(format!("{service}:{}", words(&found[1])));
        }
    }
    assert!(calls.contains("codebuild:StartBuildBatch"), "{calls:?}");
    calls.extend(["s3:GetObject", "s3:GetObjectVersion", "s3:PutObject"].map(str::to_owned));
    let role = template.resource("DefaultActionRole");
    let granted = statements(role).into_iter().flat_map(|it| strings(&it["Action"])).map(str::to_owned);
    assert_eq!(granted.collect::<BTreeSet<_>>(), calls);
    let places: Vec<_> =
        statements(role).into_iter().flat_map(|it| list(&it["Resource"])).map(Value::to_string).collect();
    let are =
        ["CommandsProject", ":project/", "CommandsLogs", ":log-group:/aws/codebuild/", "ArtifactBucket"];
    assert!(places.len() == are.len() && places.iter().zip(are).all(|it| it.0.contains(it.1)), "{places:?}");
}

/// The bucket also holds logs and deliveries, which are not for actions.
#[test]
fn nobody_has_the_whole_artifact_bucket() {
    let template = Template::load();
    let parts = ["artifacts", "deliveries", "logs"];
    for role in template.of_type("AWS::IAM::Role") {
        for statement in statements(role) {
            let resources = strings(&statement["Resource"]);
            let keys = resources.iter().filter_map(|it| it.strip_prefix("${ArtifactBucket.Arn}/"));
            for key in keys {
                let part = key.strip_suffix("/*").unwrap_or_else(|| panic!("{}: {key}", role.name));
                let of_actions = ["DefaultActionRole", "CommandsRole"].contains(&role.name);
                let allowed = if of_actions { &parts[..1] } else { &parts[..] };
                assert!(allowed.contains(&part), "{}: {statement}", role.name);
            }
        }
    }
}

/// What is given by ARN is read and nothing beside it, and decrypted only for the services that it may lie in.
#[test]
fn secrets_and_parameters_are_read_by_their_exact_arns() {
    let template = Template::load();
    let mut decrypting = BTreeMap::new();
    for role in template.of_type("AWS::IAM::Role") {
        for statement in statements(role) {
            let actions = strings(&statement["Action"]);
            let resource = &statement["Resource"];
            if actions.iter().any(|it| it.starts_with("secretsmanager:") || it.starts_with("ssm:")) {
                let of_both = actions == ["secretsmanager:GetSecretValue", "ssm:GetParameter"];
                let given = resource["Ref"].as_str();
                let is_either = given.is_some_and(|it| ["GitHubTokenArn", "WebhookSecretArn"].contains(&it));
                assert_eq!(of_both, is_either, "{}: {statement}", role.name);
                assert!(of_both || actions == ["secretsmanager:GetSecretValue"], "{statement}");
                assert!(!has_wildcard(resource), "{}: {statement}", role.name);
            }
            if resource["Ref"] == "SecretsKeyArn" {
                let services = strings(&statement["Condition"]["StringLike"]["kms:ViaService"]);
                decrypting.insert(role.name, services);
            }
        }
    }
    let (secrets, both) = (vec!["secretsmanager.*"], vec!["secretsmanager.*", "ssm.*"]);
    let expected = [
        ("ApiRole", &secrets),
        ("ApprovalRole", &secrets),
        ("ArtifactRole", &both),
        ("NotificationRole", &both),
        ("SweeperRole", &both),
        ("WebhookRole", &both),
    ];
    assert_eq!(decrypting, expected.map(|(role, services)| (role, services.clone())).into());
}

/// State is what `transition` decided: a worker that was taken over by what it unpacked must not be able to write it.
#[test]
fn only_transition_writes_the_state() {
    const KEYS: &str = "dynamodb:LeadingKeys";
    let template = Template::load();
    let mut writers = BTreeSet::new();
    for role in template.of_type("AWS::IAM::Role").into_iter().filter(|role| role.name != "TransitionRole") {
        for statement in statements(role) {
            let actions = strings(&statement["Action"]);
            let writes =
                ["dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem", "dynamodb:BatchWriteItem"];
            if !actions.iter().any(|action| writes.contains(&&**action)) {
                continue;
            }
            let own = match (role.name, statement["Sid"].as_str().unwrap()) {
                ("ActionRole", "ProvidersIds") => json!({"ForAllValues:StringLike": {KEYS: ["EXTERNAL#*"]}}),
                ("ActionRole" | "ApiRole" | "ArtifactRole", _) => {
                    json!({"ForAllValues:StringLike": {KEYS: ["ATTEMPT#*"]}})
                }
                ("NotificationRole", _) => json!({"ForAllValues:StringLike": {KEYS: ["TOLD#*"]}}),
                ("SweeperRole", _) => json!({"ForAllValues:StringEquals": {KEYS: ["SWEEP"]}}),
                (other, _) => panic!("{other} writes what is in no list: {statement}"),
            };
            // The whole of it: one operator for all of the keys, and none that admits more.
            assert_eq!(statement["Condition"], own, "{}", role.name);
            writers.insert(role.name);
        }
    }
    let all = ["ActionRole", "ApiRole", "ArtifactRole", "NotificationRole", "SweeperRole"];
    assert_eq!(writers, BTreeSet::from(all));
}

/// Function by function, the calls that its code makes: `Service:Operation on RESOURCE`, as the SDK calls them.
fn calls() -> BTreeMap<String, Calls> {
    let text = fs::read_to_string(root().join("tests/tests/template/calls.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// The statements of a role's own policies, those included that a condition of the template chooses.
fn statements(role: Resource<'_>) -> Vec<&Value> {
    let policies = list(role.property("Policies"));
    let statements = policies.into_iter().flat_map(|policy| list(&policy["PolicyDocument"]["Statement"]));
    let chosen =
        statements.flat_map(|it| it["Fn::If"].as_array().map_or(vec![it], |it| it[1..].iter().collect()));
    chosen.filter(|it| it["Ref"] != "AWS::NoValue").collect()
}

/// What a statement grants: each action on each resource, of items with a key that a condition names on those alone.
fn rights(statement: &Value) -> Vec<Right> {
    assert_eq!(statement["Effect"], "Allow", "{statement}");
    let operators = statement["Condition"].as_object().into_iter().flat_map(|operators| operators.values());
    let kinds = operators.filter_map(|operator| operator.get("dynamodb:LeadingKeys")).flat_map(strings);
    let kinds: Vec<&str> = kinds.collect();
    let places =
        list(&statement["Resource"]).into_iter().map(place).flat_map(|place| match kinds.as_slice() {
            [] => vec![place],
            kinds => kinds.iter().map(|kind| format!("{place} {}", kind.trim_end_matches("#*"))).collect(),
        });
    let places: Vec<String> = places.collect();
    let actions = list(&statement["Action"]).into_iter().map(|action| action.as_str().unwrap());
    actions.flat_map(|action| places.iter().map(move |place| (action.to_owned(), place.clone()))).collect()
}

/// A resource by its name in the template: `Table/index/due`, `ArtifactBucket/logs`; of what the stack makes or is given, what
/// it makes.
fn place(resource: &Value) -> String {
    if let Some(branches) = resource.get("Fn::If") {
        return place(&branches[1]);
    }
    if let (Some(name), Some(attribute)) = (referred(resource), resource["Fn::GetAtt"][1].as_str()) {
        return if attribute == "StreamArn" { format!("{name}.Stream") } else { name.to_owned() };
    }
    let text =
        resource["Ref"].as_str().or_else(|| resource["Fn::Sub"].as_str()).or_else(|| resource.as_str());
    let text = text.unwrap_or_else(|| panic!("what is {resource}?"));
    match text.strip_prefix("${").and_then(|text| text.split_once(".Arn}")) {
        Some((name, part)) => format!("{name}{}", part.trim_end_matches("/*")),
        None if text.ends_with(":${AWS::StackName}-approver-*") => "an approver's topic".to_owned(),
        None if text.ends_with(":event-bus/${EventBusName}") => "EventBusName".to_owned(),
        None if text.ends_with(":role/*") => "a tagged role".to_owned(),
        None => text.to_owned(),
    }
}

/// Whether a grant is enough: one without a kind of items is about all of them.
fn covers(granted: &Right, needed: &Right) -> bool {
    let rest = needed.1.strip_prefix(&granted.1);
    granted.0 == needed.0 && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
}

fn has_wildcard(resource: &Value) -> bool {
    strings(resource).iter().any(|text| text.contains('*') || *text == "ProjectPattern")
}

/// What Lambda does in the function's name: logs, event sources, destinations of what failed.
fn by_lambda(function: Resource<'_>) -> Vec<Right> {
    let on = |place: &str, actions: &[&str]| -> Vec<Right> {
        actions.iter().map(|action| ((*action).to_owned(), place.to_owned())).collect()
    };
    let mut all = on(
        referred(&function.property("LoggingConfig")["LogGroup"]).unwrap(),
        &["logs:CreateLogStream", "logs:PutLogEvents"],
    );
    for source in function.property("Events").as_object().into_iter().flat_map(|events| events.values()) {
        let properties = &source["Properties"];
        match source["Type"].as_str().unwrap() {
            "SQS" => all.extend(on(
                &place(&properties["Queue"]),
                &["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"],
            )),
            "DynamoDB" => {
                let reading = ["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"];
                all.extend(on(&place(&properties["Stream"]), &reading));
                all.extend(on("*", &["dynamodb:ListStreams"]));
            }
            other => panic!("say what Lambda needs for events of {other}"),
        }
        let failed = &properties["DestinationConfig"]["OnFailure"]["Destination"];
        all.extend(referred(failed).into_iter().flat_map(|queue| on(queue, &["sqs:SendMessage"])));
    }
    let failed = &function.property("EventInvokeConfig")["DestinationConfig"]["OnFailure"]["Destination"];
    all.extend(referred(failed).into_iter().flat_map(|queue| on(queue, &["sqs:SendMessage"])));
    all
}

/// The rights that a call needs (Service Authorization Reference).
fn needed(call: &str) -> Vec<Right> {
    let (call, place) = call.split_once(" on ").unwrap_or((call, ""));
    let bucket = place.split('/').next().unwrap();
    let on = |place: &str, actions: &[&str]| -> Vec<Right> {
        actions.iter().map(|action| ((*action).to_owned(), place.to_owned())).collect()
    };
    match call {
        "DynamoDB:BatchGetItem" => on(place, &["dynamodb:BatchGetItem"]),
        "DynamoDB:GetItem" => on(place, &["dynamodb:GetItem"]),
        "DynamoDB:PutItem" => on(place, &["dynamodb:PutItem"]),
        "DynamoDB:Query" => on(place, &["dynamodb:Query"]),
        "DynamoDB:UpdateItem" => on(place, &["dynamodb:UpdateItem"]),
        // A transaction has no action of its own: it needs those of what it writes.
        "DynamoDB:TransactWriteItems" => on(place, &["dynamodb:DeleteItem", "dynamodb:PutItem"]),
        "EventBridge:PutEvents" => on(place, &["events:PutEvents"]),
        "Lambda:Invoke" => on(place, &["lambda:InvokeFunction"]),
        // Whoever may not list the bucket is told 403 and not 404 of a key that is not there.
        "S3:GetObject" | "S3:HeadObject" => {
            let (place, action) = match place.strip_suffix(" version") {
                Some(place) => (place, "s3:GetObjectVersion"),
                None => (place, "s3:GetObject"),
            };
            [on(place, &[action]), on(bucket, &["s3:ListBucket"])].concat()
        }
        "S3:PutObject" | "S3:CreateMultipartUpload" | "S3:UploadPart" | "S3:CompleteMultipartUpload" => {
            on(place, &["s3:PutObject"])
        }
        "S3:ListObjectVersions" => on(place, &["s3:ListBucketVersions"]),
        "S3:PutObjectTagging" => {
            let place = place.trim_end_matches(" version");
            [
                on(place, &["s3:PutObjectTagging", "s3:PutObjectVersionTagging"]),
                on(bucket, &["s3:ListBucket"]),
            ]
            .concat()
        }
        "S3:AbortMultipartUpload" => on(place, &["s3:AbortMultipartUpload"]),
        // The latter where a key of the user's own encrypts the secret.
        "Secrets Manager:GetSecretValue" => {
            [on(place, &["secretsmanager:GetSecretValue"]), on("SecretsKeyArn", &["kms:Decrypt"])].concat()
        }
        "SSM:GetParameter" => {
            [on(place, &["ssm:GetParameter"]), on("SecretsKeyArn", &["kms:Decrypt"])].concat()
        }
        // Those of keys where one of the user's own encrypts a topic.
        "SNS:Publish" => {
            let keys = on("NotificationKeyArns", &["kms:Decrypt", "kms:GenerateDataKey"]);
            [on(place, &["sns:Publish"]), keys].concat()
        }
        "SQS:GetQueueAttributes" => on(place, &["sqs:GetQueueAttributes"]),
        "SQS:ListMessageMoveTasks" => on(place, &["sqs:ListMessageMoveTasks"]),
        "SQS:SendMessage" | "SQS:SendMessageBatch" => on(place, &["sqs:SendMessage"]),
        "SQS:StartMessageMoveTask" => {
            let moving = [
                "sqs:DeleteMessage",
                "sqs:GetQueueAttributes",
                "sqs:ReceiveMessage",
                "sqs:StartMessageMoveTask",
            ];
            let back = place.replace("DeadLetters", "Queue");
            [on(place, &moving), on(&back, &["sqs:SendMessage"])].concat()
        }
        "STS:AssumeRole" => {
            ["a tagged role", "AssumableRoleArns"].map(|role| on(role, &["sts:AssumeRole"])).concat()
        }
        other => panic!("say which right {other} needs"),
    }
}
