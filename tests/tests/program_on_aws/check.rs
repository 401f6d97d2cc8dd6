//! `penstock check --aws` names what AWS would refuse a pipeline before the pipeline needs it.

use serde_json::{Value as Json, json};

use crate::account::{ACCOUNT, fresh};
use crate::program::{file, penstock};
use crate::stack::Stack;

/// A role that trusts whom `trust` says and may do what `allow` says, tagged if it may be assumed.
pub(crate) fn role(trust: &Json, allow: &[&str], tagged: bool) -> String {
    let (name, iam) =
        (fresh("deploy"), |operation: &str, input: Json| ACCOUNT.caller.call("iam", operation, &input));
    let document = |statement: Json| json!({"Version": "2012-10-17", "Statement": [statement]}).to_string();
    let made =
        iam("create_role", json!({"RoleName": name, "AssumeRolePolicyDocument": document(trust.clone())}));
    if !allow.is_empty() {
        let policy = document(json!({"Effect": "Allow", "Action": allow, "Resource": "*"}));
        iam("put_role_policy", json!({"RoleName": name, "PolicyName": "calls", "PolicyDocument": policy}));
    }
    if tagged {
        iam("tag_role", json!({"RoleName": name, "Tags": [{"Key": "penstock:assumable", "Value": "true"}]}));
    }
    made["Role"]["Arn"].as_str().unwrap().to_owned()
}

/// The trust that the stack asks for.
pub(crate) fn trusted(stack: &Stack) -> Json {
    let roles: Vec<&str> = stack.outputs["TrustedRoleArns"].split(',').collect();
    let condition = json!({"StringEquals": {"sts:ExternalId": stack.outputs["ExternalId"]}});
    json!({"Effect": "Allow", "Principal": {"AWS": roles}, "Action": "sts:AssumeRole", "Condition": condition})
}

fn definition(role: &str, bucket: &str, function: &str) -> String {
    format!(
        r#"pipeline:
  name: web
  roleArn: {role}
  variables: [{{name: F, defaultValue: tell}}]
  stages:
    - name: Source
      actions:
        - name: Fetch
          actionType: Source
          provider: S3
          configuration: {{S3Bucket: {bucket}, S3ObjectKey: web.zip, PollForSourceChanges: 'false'}}
          outputArtifacts: [{{name: Code}}]
    - name: Announce
      actions:
        - name: Tell
          actionType: Invoke
          provider: Lambda
          configuration: {{FunctionName: {function}}}
          inputArtifacts: [{{name: Code}}]
"#
    )
}

/// Line and code of each problem, and everything that was said.
fn problems(stack: &Stack, definition: &str, code: i32) -> (Vec<(u64, String)>, String) {
    let (_folder, path) = file("web.yml", definition);
    let check = ["check", "--aws", "--stack", &stack.name, "--format", "json", path.to_str().unwrap()];
    let said = penstock(&check).ends_with(code);
    let found: Json = serde_json::from_str(&said).unwrap();
    let diagnostics = found["files"][0]["diagnostics"].as_array().unwrap().iter();
    let of_account = diagnostics.filter(|it| !it["code"].as_str().unwrap().starts_with("default-"));
    let told = of_account.map(|it| (it["line"].as_u64().unwrap(), it["code"].as_str().unwrap().to_owned()));
    (told.collect(), said)
}

#[test]
fn what_is_right_is_left_alone() {
    let stack = Stack::create("http://127.0.0.1:9");
    let role = role(&trusted(&stack), &["s3:*", "lambda:InvokeFunction"], true);
    let bucket = &stack.outputs["ArtifactBucket"];
    let (found, said) = problems(&stack, &definition(&role, bucket, "'#{variables.F}'"), 0);
    assert_eq!(found, [], "{said}");
}

/// `CodePipeline` would poll the bucket; here its uploads have to reach the stack.
#[test]
fn a_bucket_whose_uploads_would_start_nothing_is_told_with_what_is_missing() {
    let s3 = |operation: &str, input: Json| ACCOUNT.caller.call("s3", operation, &input);
    let (uploads, others) = (fresh("uploads"), fresh("others"));
    for bucket in [&uploads, &others] {
        s3("create_bucket", json!({"Bucket": bucket}));
    }
    let stack = Stack::with("http://127.0.0.1:9", &[("SourceBuckets", &format!("{uploads},more-uploads"))]);
    let role = role(&trusted(&stack), &["s3:*", "lambda:InvokeFunction"], true);
    let polled = |bucket: &str| {
        definition(&role, bucket, "'#{variables.F}'").replace(", PollForSourceChanges: 'false'", "")
    };
    let told = |bucket: &str| {
        let (found, said) = problems(&stack, &polled(bucket), 0);
        assert!(found.iter().all(|(line, _)| *line == 11), "{said}");
        (found.into_iter().map(|(_, code)| code).collect::<Vec<_>>(), said)
    };
    let (found, said) = told(&others);
    assert_eq!(found, ["bucket-not-listed", "bucket-sends-no-events", "bucket-without-versions"], "{said}");
    assert!(said.contains(&format!("put-bucket-versioning --bucket {others} ")), "{said}");
    let by_hand = definition(&role, &others, "'#{variables.F}'");
    let (found, said) = problems(&stack, &by_hand, 0);
    assert_eq!(found, [(11, "bucket-without-versions".to_owned())], "{said}");
    for bucket in [&uploads, &others] {
        let kept = json!({"Bucket": bucket, "VersioningConfiguration": {"Status": "Enabled"}});
        s3("put_bucket_versioning", kept);
    }
    let (found, said) = told(&others);
    assert_eq!(found, ["bucket-not-listed", "bucket-sends-no-events"], "{said}");
    assert!(said.contains("SourceBuckets") && said.contains(&format!("--bucket {others} ")), "{said}");
    let (found, said) = told(&uploads);
    assert_eq!(found, ["bucket-sends-no-events"], "{said}");
    for bucket in [&uploads, &others] {
        let told = json!({"Bucket": bucket, "NotificationConfiguration": {"EventBridgeConfiguration": {}}});
        s3("put_bucket_notification_configuration", told);
    }
    let (found, said) = told(&others);
    assert_eq!(found, ["bucket-not-listed"], "{said}");
    let (found, said) = told(&uploads);
    assert_eq!(found, [""; 0], "{said}");
}

#[test]
fn missing_trust_tags_rights_and_names_are_told_where_they_stand() {
    let stack = Stack::create("http://127.0.0.1:9");
    let stranger = json!({"Effect": "Allow", "Principal": {"Service": "codepipeline.amazonaws.com"}, "Action": "sts:AssumeRole"});
    let role = role(&stranger, &["s3:GetObject"], false);
    let (found, said) = problems(&stack, &definition(&role, "penstock-nowhere", "nobody"), 2);
    for (line, code) in [
        (3, "trust-missing"),
        (3, "role-not-assumable"),
        (3, "permission-missing"),
        (11, "not-there"),
        (18, "not-there"),
    ] {
        assert!(found.contains(&(line, code.to_owned())), "{code} at {line}: {said}");
    }
    for way_out in
        ["/web\\\"}}}", "aws iam tag-role", "lacks lambda:InvokeFunction", "lacks s3:GetObjectVersion"]
    {
        assert!(said.contains(way_out), "{way_out}: {said}");
    }
}

/// `CodePipeline` makes projects whose role may use its own buckets only.
#[test]
fn a_project_whose_role_may_not_touch_the_artifacts_is_told_with_the_policy() {
    let stack = Stack::create("http://127.0.0.1:9");
    let bucket = &stack.outputs["ArtifactBucket"];
    let mine = role(&trusted(&stack), &["s3:*", "codebuild:*", "logs:*", "iam:PassRole"], true);
    let service = json!({"Effect": "Allow", "Principal": {"Service": "codebuild.amazonaws.com"}, "Action": "sts:AssumeRole"});
    let builds_under = |allow: &[&str]| {
        let (project, theirs) = (fresh("web"), role(&service, allow, false));
        let input = json!({
            "name": project, "serviceRole": theirs, "source": {"type": "CODEPIPELINE"}, "artifacts": {"type": "CODEPIPELINE"},
            "environment": {"type": "LINUX_CONTAINER", "image": "aws/codebuild/standard:7.0", "computeType": "BUILD_GENERAL1_SMALL"}
        });
        ACCOUNT.caller.call("codebuild", "create_project", &input);
        let build = format!(
            "    - name: Build\n      actions:\n        - name: Compile\n          actionType: Build\n          provider: CodeBuild\n          configuration: {{ProjectName: {project}}}\n          inputArtifacts: [{{name: Code}}]\n          outputArtifacts: [{{name: App}}]\n"
        );
        let whole = definition(&mine, bucket, "'#{variables.F}'");
        whole.split_once("    - name: Announce").unwrap().0.to_owned() + &build
    };
    let (found, said) = problems(&stack, &builds_under(&["logs:*"]), 2);
    assert_eq!(
        found,
        [(18, "permission-missing".to_owned()), (18, "permission-missing".to_owned())],
        "{said}"
    );
    for way_out in ["s3:GetObjectVersion", "s3:PutObject", "aws iam put-role-policy", "penstock-artifacts"] {
        assert!(said.contains(way_out), "{way_out}: {said}");
    }
    let (found, said) = problems(&stack, &builds_under(&["s3:*"]), 0);
    assert_eq!(found, [], "{said}");
}

#[test]
fn another_external_id_and_none_are_told_apart() {
    let stack = Stack::create("http://127.0.0.1:9");
    let rights = ["s3:*", "lambda:InvokeFunction"];
    let codes = |trust: &Json, code: i32| {
        let role = role(trust, &rights, true);
        let bucket = &stack.outputs["ArtifactBucket"];
        let (mut found, _) = problems(&stack, &definition(&role, bucket, "'#{variables.F}'"), code);
        found.dedup();
        found.into_iter().map(|(_, code)| code).collect::<std::collections::BTreeSet<_>>()
    };
    let mut trust = trusted(&stack);
    let id = stack.outputs["ExternalId"].clone();
    trust["Condition"]["StringEquals"]["sts:ExternalId"] = json!([format!("{id}/web"), format!("{id}/api")]);
    assert_eq!(codes(&trust, 0), [].into(), "it may trust this pipeline by name");
    trust["Condition"]["StringEquals"]["sts:ExternalId"] = json!(format!("{id}/api"));
    assert_eq!(codes(&trust, 2), ["trust-other-external-id".to_owned()].into(), "or another one only");
    trust["Condition"]["StringEquals"]["sts:ExternalId"] = json!("another");
    assert_eq!(codes(&trust, 2), ["trust-other-external-id".to_owned()].into());
    trust.as_object_mut().unwrap().remove("Condition");
    assert_eq!(codes(&trust, 0), ["trust-without-external-id".to_owned()].into());
}

#[test]
fn a_topic_that_the_stack_may_not_publish_to_is_told() {
    let stack = Stack::create("http://127.0.0.1:9");
    let role = role(&trusted(&stack), &["s3:*", "lambda:InvokeFunction"], true);
    let others = definition(&role, &stack.outputs["ArtifactBucket"], "'#{variables.F}'");
    let asking = |topic: &str| {
        format!(
            "{others}    - name: Ask\n      actions:\n        - name: Ask\n          actionType: Approval\n          provider: Manual\n          configuration: {{NotificationArn: '{topic}'}}\n"
        )
    };
    let (found, said) = problems(&stack, &asking("arn:aws:sns:us-east-1:000000000000:team"), 2);
    assert_eq!(found, [(25, "topic-not-listed".to_owned())], "{said}");
    assert!(said.contains("NotificationTopicArns"), "{said}");
    let (found, said) = problems(&stack, &asking(&stack.outputs["ApprovalTopicArn"]), 0);
    assert_eq!(found, [], "{said}");
}

#[test]
fn roles_that_are_not_there_and_actions_without_one_are_told() {
    let stack = Stack::create("http://127.0.0.1:9");
    let bucket = &stack.outputs["ArtifactBucket"];
    let gone = "arn:aws:iam::000000000000:role/nobody";
    let (found, said) = problems(&stack, &definition(gone, bucket, "'#{variables.F}'"), 2);
    assert!(found.iter().all(|(line, code)| (*line, code.as_str()) == (3, "role-missing")), "{said}");
    let elsewhere = "arn:aws:iam::999999999999:role/x";
    let (found, said) = problems(&stack, &definition(elsewhere, bucket, "'#{variables.F}'"), 2);
    assert!(found.contains(&(3, "role-elsewhere".into())) && said.contains("AssumableRoleArns"), "{said}");
    let without = definition(gone, bucket, "f").replace(&format!("  roleArn: {gone}\n"), "");
    let (found, said) = problems(&stack, &without, 2);
    assert!(found.contains(&(7, "no-role".into())), "{said}");
    assert!(said.contains("roleArn") && said.contains("DefaultRoleProviders"), "{said}");
}

#[test]
fn actions_that_the_default_role_serves_need_none_of_their_own() {
    let stack = Stack::with("http://127.0.0.1:9", &[("DefaultRoleProviders", "S3,Lambda")]);
    let line = "  roleArn: gone\n";
    let without = definition("gone", &stack.outputs["ArtifactBucket"], "'#{variables.F}'").replace(line, "");
    let (found, said) = problems(&stack, &without, 2);
    // Its rights are asked for: nobody has given it those of S3 sources and of Lambda.
    assert!(found.iter().all(|(_, code)| code == "permission-missing"), "{said}");
    assert!(said.contains("lacks lambda:InvokeFunction"), "{said}");
}

#[test]
fn an_artifact_store_that_is_not_where_it_is_needed_is_told() {
    let stack = Stack::create("http://127.0.0.1:9");
    let role = role(&trusted(&stack), &["s3:*", "lambda:InvokeFunction"], true);
    let bucket = &stack.outputs["ArtifactBucket"];
    let plain = definition(&role, bucket, "'#{variables.F}'");
    let away = plain.replace(
        "          actionType: Invoke\n",
        "          actionType: Invoke\n          region: eu-west-1\n",
    );
    let (found, said) = problems(&stack, &away, 2);
    assert_eq!(found, [(17, "region-without-store".to_owned())], "{said}");
    assert!(said.contains("`artifactStores` with a bucket in us-east-1 and one in eu-west-1"), "{said}");

    let stores = format!(
        "  artifactStores:\n    us-east-1: {{type: S3, location: penstock-nowhere}}\n    eu-west-1: {{type: S3, location: {bucket}}}\n  stages:\n"
    );
    let (found, said) = problems(&stack, &away.replace("  stages:\n", &stores), 2);
    let expected = [(6, "no-artifact-store".to_owned()), (7, "no-artifact-store".to_owned())];
    assert_eq!(found, expected, "{said}");
    assert!(said.contains("there is no bucket `penstock-nowhere` in us-east-1"), "{said}");
    assert!(said.contains(&format!("the bucket `{bucket}` is in us-east-1")), "{said}");
}
