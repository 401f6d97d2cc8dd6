//! What the public reaches, and what it does not.

use regex::Regex;
use serde_json::json;

use crate::document::{Template, list};

#[test]
fn only_webhooks_and_approvals_are_public() {
    let template = Template::load();
    let mut public = vec![];
    for route in template.of_type("AWS::ApiGatewayV2::Route") {
        let key = route.property("RouteKey").as_str().unwrap();
        if route.property("AuthorizationType") == "AWS_IAM" {
            assert!(["$default", "POST /jobs"].contains(&key), "{key}");
            continue;
        }
        assert!(route.whole["Metadata"]["Public"].is_string(), "{key} is public without a reason");
        public.push(key);
    }
    public.sort_unstable();
    assert_eq!(public, ["GET /approvals/{proxy+}", "POST /approvals/{proxy+}", "POST /webhooks/github"]);
    assert!(template.of_type("AWS::Lambda::Url").is_empty());
    assert!(template.functions().values().all(|function| function.property("FunctionUrlConfig").is_null()));
}

#[test]
fn the_http_api_is_throttled_and_its_log_holds_no_link() {
    let template = Template::load();
    let stage = template.resource("HttpApiStage");
    let throttled = stage.property("DefaultRouteSettings");
    assert!(throttled["ThrottlingRateLimit"].is_object() && throttled["ThrottlingBurstLimit"].is_object());
    let format = stage.property("AccessLogSettings")["Format"].as_str().unwrap();
    serde_json::from_str::<serde_json::Value>(format).unwrap();
    for secret in ["$context.path", "$context.authorizer", "querystring", "rawQueryString"] {
        assert!(!format.contains(secret), "the access log holds {secret}");
    }
}

#[test]
fn the_bucket_is_closed_and_forgets_only_what_is_tagged() {
    let template = Template::load();
    for bucket in template.of_type("AWS::S3::Bucket") {
        let blocks = bucket.property("PublicAccessBlockConfiguration").as_object().unwrap();
        assert_eq!(blocks.len(), 4);
        assert!(blocks.values().all(|block| block == true));
        assert_eq!(bucket.property("VersioningConfiguration")["Status"], "Enabled");
        assert!(bucket.property("BucketEncryption").is_object());
        for rule in list(&bucket.property("LifecycleConfiguration")["Rules"]) {
            let expires =
                !rule["ExpirationInDays"].is_null() || !rule["NoncurrentVersionExpiration"].is_null();
            let tagged = rule["TagFilters"] == json!([{"Key": "penstock:expire", "Value": "true"}]);
            assert!(!expires || tagged, "{rule}");
        }
    }
    let policy = &template.resource("ArtifactBucketPolicy").property("PolicyDocument")["Statement"];
    let denial = list(policy).into_iter().find(|statement| statement["Effect"] == "Deny").unwrap();
    assert_eq!(denial["Condition"], json!({"Bool": {"aws:SecureTransport": "false"}}));
    assert_eq!(denial["Action"], "s3:*");
}

#[test]
fn what_is_kept_outlives_mistakes() {
    let template = Template::load();
    for kind in ["AWS::DynamoDB::Table", "AWS::S3::Bucket"] {
        for resource in template.of_type(kind) {
            assert_eq!(resource.whole["DeletionPolicy"]["Ref"], "KeepData", "{}", resource.name);
            assert_eq!(resource.whole["UpdateReplacePolicy"], "Retain", "{}", resource.name);
        }
    }
    assert_eq!(template.0["Parameters"]["KeepData"]["Default"], "Retain");
    let table = template.resource("Table");
    assert_eq!(table.property("BillingMode"), "PAY_PER_REQUEST");
    assert_eq!(table.property("PointInTimeRecoverySpecification")["PointInTimeRecoveryEnabled"], true);
    // What is kept when the stack goes is not deleted by a slip either.
    assert_eq!(table.property("DeletionProtectionEnabled"), &json!({"Fn::If": ["KeepsData", true, false]}));
    assert_eq!(template.0["Conditions"]["KeepsData"], json!({"Fn::Equals": [{"Ref": "KeepData"}, "Retain"]}));
    assert_eq!(
        *table.property("TimeToLiveSpecification"),
        json!({"AttributeName": "expires_at", "Enabled": true})
    );
    assert_eq!(table.property("StreamSpecification")["StreamViewType"], "NEW_IMAGE");
}

#[test]
fn secrets_are_generated_or_given_by_arn() {
    let template = Template::load();
    for secret in template.of_type("AWS::SecretsManager::Secret") {
        assert!(secret.property("GenerateSecretString").is_object(), "{}", secret.name);
        assert!(secret.property("SecretString").is_null(), "{}", secret.name);
    }
    for (name, parameter) in template.0["Parameters"].as_object().unwrap() {
        let is_secret = ["Secret", "Key", "Token", "Password"].iter().any(|word| name.contains(word));
        let is_place = name.ends_with("Arn") || name.ends_with("Arns");
        assert!(!is_secret || is_place, "{name} is a secret in clear");
        assert!(parameter["Description"].is_string(), "{name} has no description");
        let is_checked = !parameter["AllowedPattern"].is_null() || !parameter["AllowedValues"].is_null();
        assert!(is_checked || parameter["Type"] != "String", "{name} takes anything");
    }
}

#[test]
fn a_secret_is_given_by_the_whole_arn_of_what_the_functions_read() {
    let template = Template::load();
    let takes = |parameter: &str, value: &str| {
        let pattern = template.0["Parameters"][parameter]["AllowedPattern"].as_str().unwrap();
        Regex::new(&format!("^(?:{pattern})$")).unwrap().is_match(value)
    };
    let secret = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:penstock/token-a1B2c3";
    let parameter = "arn:aws-cn:ssm:cn-north-1:123456789012:parameter/penstock/github_token-1.2";
    for (name, takes_parameters) in
        [("GitHubTokenArn", true), ("WebhookSecretArn", true), ("ApprovalKeyArn", false)]
    {
        assert!(takes(name, "") && takes(name, secret), "{name}");
        assert_eq!(takes(name, parameter), takes_parameters, "{name}");
        // A right is about the whole, so a key or a version behind it could not be read.
        for wrong in [
            &format!("{secret}:key"),
            &format!("{parameter}:3"),
            "arn:aws:ssm:eu-central-1:123456789012:parameter/*",
            "arn:aws:ssm:eu-central-1::parameter/token",
            "arn:aws:ssm:eu-central-1:123456789012:document/token",
            "arn:aws:s3:::bucket/token",
            "/penstock/github-token",
            "ghp_0123456789",
        ] {
            assert!(!takes(name, wrong), "{name} takes {wrong}");
        }
    }
}

#[test]
fn logs_end() {
    let template = Template::load();
    for log in template.of_type("AWS::Logs::LogGroup") {
        assert_eq!(log.property("RetentionInDays")["Ref"], "LogRetentionDays", "{}", log.name);
    }
    for (name, function) in template.functions() {
        assert!(function.property("LoggingConfig")["LogGroup"]["Ref"].is_string(), "{name}");
    }
}
