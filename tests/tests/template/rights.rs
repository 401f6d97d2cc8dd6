//! What roles may do, compared with the calls that functions make.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use serde_json::{Value, json};

use crate::document::{Resource, Template, list, referred, root, strings};

type Actions = BTreeSet<String>;

/// Each function may do what it was seen to do and what Lambda does in its name, and nothing else.
#[test]
fn every_call_is_granted_and_nothing_else() {
    let template = Template::load();
    let calls = calls();
    assert_eq!(calls.keys().collect::<Vec<_>>(), template.functions().keys().collect::<Vec<_>>());
    for (name, function) in template.functions() {
        let role = template.resource(referred(function.property("Role")).unwrap());
        let granted: Actions = statements(role).iter().flat_map(|it| actions(it)).collect();
        let by_lambda = by_lambda(function);
        let needed: Actions =
            calls[&name].iter().flat_map(|call| needed(call)).map(|it| (*it).to_owned()).collect();
        let missing: Vec<_> = needed.union(&by_lambda).filter(|action| !granted.contains(*action)).collect();
        assert!(missing.is_empty(), "{name} lacks {missing:?}");
        let unused: Vec<_> = granted
            .iter()
            .filter(|action| !needed.contains(*action) && !by_lambda.contains(*action))
            .collect();
        assert!(unused.is_empty(), "{name} may do {unused:?}, which it does not");
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
            let own = match role.name {
                "ActionRole" | "ArtifactRole" => {
                    json!({"ForAllValues:StringLike": {KEYS: ["ATTEMPT#*", "EXTERNAL#*"]}})
                }
                "ApiRole" => json!({"ForAllValues:StringLike": {KEYS: ["ATTEMPT#*"]}}),
                "NotificationRole" => json!({"ForAllValues:StringLike": {KEYS: ["TOLD#*"]}}),
                "SweeperRole" => json!({"ForAllValues:StringEquals": {KEYS: ["SWEEP"]}}),
                other => panic!("{other} writes what is in no list: {statement}"),
            };
            // The whole of it: one operator for all of the keys, and none that admits more.
            assert_eq!(statement["Condition"], own, "{}", role.name);
            writers.insert(role.name);
        }
    }
    let all = ["ActionRole", "ApiRole", "ArtifactRole", "NotificationRole", "SweeperRole"];
    assert_eq!(writers, BTreeSet::from(all));
}

/// Function by function, the calls that its code makes: `Service:Operation` as the SDK calls them.
fn calls() -> BTreeMap<String, Vec<String>> {
    let text = fs::read_to_string(root().join("tests/tests/template/calls.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// The statements of a role's own policies, those under a condition of the template included.
fn statements(role: Resource<'_>) -> Vec<&Value> {
    let policies = list(role.property("Policies"));
    let statements = policies.into_iter().flat_map(|policy| list(&policy["PolicyDocument"]["Statement"]));
    statements.map(|it| it.get("Fn::If").map_or(it, |branches| &branches[1])).collect()
}

fn actions(statement: &Value) -> Vec<String> {
    assert_eq!(statement["Effect"], "Allow", "{statement}");
    list(&statement["Action"]).into_iter().map(|action| action.as_str().unwrap().to_owned()).collect()
}

fn has_wildcard(resource: &Value) -> bool {
    strings(resource).iter().any(|text| text.contains('*') || *text == "ProjectPattern")
}

/// What Lambda does in the function's name: logs, event sources, destinations of what failed.
fn by_lambda(function: Resource<'_>) -> Actions {
    let mut all = vec!["logs:CreateLogStream", "logs:PutLogEvents"];
    for source in function.property("Events").as_object().into_iter().flat_map(|events| events.values()) {
        match source["Type"].as_str().unwrap() {
            "SQS" => all.extend(["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]),
            "DynamoDB" => all.extend([
                "dynamodb:DescribeStream",
                "dynamodb:GetRecords",
                "dynamodb:GetShardIterator",
                "dynamodb:ListStreams",
            ]),
            other => panic!("say what Lambda needs for events of {other}"),
        }
        if source["Properties"]["DestinationConfig"].is_object() {
            all.push("sqs:SendMessage");
        }
    }
    if function.property("EventInvokeConfig")["DestinationConfig"].is_object() {
        all.push("sqs:SendMessage");
    }
    all.into_iter().map(str::to_owned).collect()
}

/// The actions of IAM that a call needs (Service Authorization Reference).
fn needed(call: &str) -> &'static [&'static str] {
    match call {
        "DynamoDB:BatchGetItem" => &["dynamodb:BatchGetItem"],
        "DynamoDB:GetItem" => &["dynamodb:GetItem"],
        "DynamoDB:PutItem" => &["dynamodb:PutItem"],
        "DynamoDB:Query" => &["dynamodb:Query"],
        "DynamoDB:UpdateItem" => &["dynamodb:UpdateItem"],
        // A transaction has no action of its own: it needs those of what it writes.
        "DynamoDB:TransactWriteItems" => &["dynamodb:DeleteItem", "dynamodb:PutItem"],
        "EventBridge:PutEvents" => &["events:PutEvents"],
        "Lambda:Invoke" => &["lambda:InvokeFunction"],
        // Whoever may not list the bucket is told 403 and not 404 of a key that is not there.
        "S3:GetObject" | "S3:HeadObject" => &["s3:GetObject", "s3:ListBucket"],
        // What was stored in parts tells no digest of the whole, and is read through.
        "S3:GetObject of a version" => &["s3:GetObject", "s3:GetObjectVersion", "s3:ListBucket"],
        "S3:PutObject" | "S3:CreateMultipartUpload" | "S3:UploadPart" | "S3:CompleteMultipartUpload" => {
            &["s3:PutObject"]
        }
        "S3:ListObjectVersions" => &["s3:ListBucketVersions"],
        "S3:PutObjectTagging" => &["s3:ListBucket", "s3:PutObjectTagging", "s3:PutObjectVersionTagging"],
        "S3:AbortMultipartUpload" => &["s3:AbortMultipartUpload"],
        // The latter where a key of the user's own encrypts the secret.
        "Secrets Manager:GetSecretValue" => &["kms:Decrypt", "secretsmanager:GetSecretValue"],
        // The former two where a key of the user's own encrypts a topic.
        "SNS:Publish" => &["kms:Decrypt", "kms:GenerateDataKey", "sns:Publish"],
        "SQS:GetQueueAttributes" => &["sqs:GetQueueAttributes"],
        "SQS:ListMessageMoveTasks" => &["sqs:ListMessageMoveTasks"],
        "SQS:SendMessage" | "SQS:SendMessageBatch" => &["sqs:SendMessage"],
        "SQS:StartMessageMoveTask" => &[
            "sqs:DeleteMessage",
            "sqs:GetQueueAttributes",
            "sqs:ReceiveMessage",
            "sqs:SendMessage",
            "sqs:StartMessageMoveTask",
        ],
        "STS:AssumeRole" => &["sts:AssumeRole"],
        other => panic!("say which action of IAM {other} needs"),
    }
}
