//! `penstock doctor` says what is stuck, why, and what to do.

use std::sync::Arc;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use penstock_app::engine::command::DefineMode;
use penstock_app::port::claims::Claims;
use penstock_app::port::clock::SystemClock;
use penstock_app::port::store::Store;
use penstock_app::transition::Transition;
use penstock_aws::sdk::{Sdk, http_client};
use penstock_aws::store::TableStore;
use penstock_model::id::{AttemptId, ExecutionId};
use penstock_model::time::Timestamp;
use penstock_testkit::build::{build, name, pipeline};
use penstock_testkit::fake::MemoryQueue;
use serde_json::{Value as Json, json};

use crate::account::{ACCOUNT, fresh};
use crate::program::{file, penstock};
use crate::redrive::{debt, lie};
use crate::signed::{Api, DEFINITION};
use crate::stack::Stack;

/// An installation with one execution that waits for a person.
struct Installation {
    _api: Api,
    stack: Stack,
    execution: String,
}

impl Installation {
    fn waiting() -> Self {
        let api = Api::start();
        let stack = Stack::create(&api.url);
        let mut installation = Self { _api: api, stack, execution: String::new() };
        let (folder, _) = file("penstock.yml", DEFINITION);
        let apply = penstock(&["apply", "--stack", &installation.stack.name]).within(folder.path());
        apply.ends_with(0);
        installation.run(&["start", "web"]);
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
        installation.execution = loop {
            let status = installation.run(&["status", "web", "--format", "json"]);
            let status: Json = serde_json::from_str(&status).unwrap();
            let asking = &status["stages"][1]["actions"][0];
            if asking["status"] == "InProgress" {
                break status["executionId"].as_str().unwrap().to_owned();
            }
            assert!(std::time::Instant::now() < deadline, "{status}");
            std::thread::sleep(std::time::Duration::from_millis(50));
        };
        installation
    }

    fn run(&self, arguments: &[&str]) -> String {
        penstock(&[arguments, &["--stack", &self.stack.name]].concat()).ends_with(0)
    }

    fn store(&self) -> TableStore {
        let credentials = Credentials::for_tests();
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::new("us-east-1"))
            .endpoint_url(ACCOUNT.emulator.url())
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .http_client(http_client());
        TableStore::new(&Sdk::from_config(config.build()), &self.stack.outputs["TableName"])
    }

    /// The findings, as weight and code, and everything that was said.
    fn findings(&self, options: &[&str], code: i32) -> (Vec<(String, String)>, Json) {
        let doctor = ["doctor", "--stack", &self.stack.name, "--format", "json"];
        let said: Json =
            serde_json::from_str(&penstock(&[&doctor, options].concat()).ends_with(code)).unwrap();
        let text = |finding: &Json, key: &str| finding[key].as_str().unwrap().to_owned();
        let found = said["findings"].as_array().unwrap();
        (found.iter().map(|it| (text(it, "weight"), text(it, "code"))).collect(), said)
    }
}

/// Of what was said, the finding called `code`.
fn of<'a>(said: &'a Json, code: &str) -> &'a Json {
    let found = said["findings"].as_array().unwrap().iter().find(|it| it["code"] == code);
    found.unwrap_or_else(|| panic!("no {code} in {said}"))
}

#[test]
fn a_sound_installation_needs_no_attention() {
    let installation = Installation::waiting();
    let (found, said) = installation.findings(&[], 0);
    // Neither of failures nor of alarms.
    let notices =
        ["no-approvers", "nobody-told", "nobody-told"].map(|code| ("notice".to_owned(), code.to_owned()));
    assert_eq!(found, notices, "{said}");
    let text = installation.run(&["doctor"]);
    assert!(text.contains("CREATE_COMPLETE") && text.contains("nothing needs attention"), "{text}");
    assert!(text.contains("→ penstock approvers add NAME EMAIL --stack"), "{text}");
}

#[test]
fn what_is_stuck_is_told_with_the_command_that_helps() {
    let installation = Installation::waiting();
    let stack = &installation.stack;
    lie(stack, "ActionDeadLetters", &debt());
    let alarm = json!({"AlarmName": stack.resource("StuckAlarm"), "StateValue": "ALARM", "StateReason": "one is old"});
    ACCOUNT.caller.call("cloudwatch", "set_alarm_state", &alarm);
    let secret = json!({"SecretId": stack.outputs["WebhookSecretArn"]});
    ACCOUNT.caller.call("secretsmanager", "delete_secret", &secret);
    installation.run(&["disable", "web", "--stage", "Release", "--reason", "the fair"]);

    let (found, said) = installation.findings(&["--approval-minutes", "0"], 1);
    for (weight, code) in [
        ("attention", "dead-letters"),
        ("attention", "alarm"),
        ("attention", "webhook-secret"),
        ("attention", "approval"),
        ("notice", "transition"),
    ] {
        assert!(found.contains(&(weight.into(), code.into())), "{weight} {code}: {said}");
    }
    let expected = [
        ("dead-letters", "dispatch of Build/Compile", "penstock redrive --stack"),
        ("alarm", "one is old", "aws cloudwatch describe-alarm-history"),
        ("webhook-secret", "is being deleted", "aws secretsmanager restore-secret"),
        ("approval", "Release/Ask has waited", "penstock approve web --stage Release --action Ask --exec "),
        ("transition", "the fair", "penstock enable web --stage Release --stack"),
    ];
    for (code, message, command) in expected {
        let finding = of(&said, code);
        assert!(finding["message"].as_str().unwrap().contains(message), "{finding}");
        assert!(finding["command"].as_str().unwrap().starts_with(command), "{finding}");
    }
}

#[test]
fn a_webhooks_secret_that_is_a_parameter_is_looked_for_too() {
    let name = format!("/{}/webhook", fresh("penstock"));
    let ssm = |operation: &str, input: Json| ACCOUNT.caller.call("ssm", operation, &input);
    let value = r#"{"current":"hunter2"}"#;
    ssm("put_parameter", json!({"Name": name, "Value": value, "Type": "SecureString"}));
    let arn = ssm("get_parameter", json!({"Name": name}))["Parameter"]["ARN"].as_str().unwrap().to_owned();
    let api = Api::start();
    let stack = Stack::with(&api.url, &[("WebhookSecretArn", &arn)]);
    assert_eq!(stack.outputs["WebhookSecretArn"], arn);
    assert!(stack.outputs["NextCommands"].starts_with("penstock approvers add"), "{:?}", stack.outputs);
    let doctor = ["doctor", "--stack", &stack.name, "--format", "json"];
    let said = penstock(&doctor).ends_with(0);
    assert!(!said.contains("webhook-secret") && !said.contains("hunter2"), "{said}");
    ssm("delete_parameter", json!({"Name": name}));
    let said: Json = serde_json::from_str(&penstock(&doctor).ends_with(1)).unwrap();
    let message = of(&said, "webhook-secret")["message"].as_str().unwrap();
    assert!(message.contains(&arn) && message.contains("is not there"), "{message}");
}

#[tokio::test]
async fn what_only_the_table_knows_is_told() {
    let installation = tokio::task::spawn_blocking(Installation::waiting).await.unwrap();
    let store = installation.store();
    store.quarantine("{\"odd\":true}", "the command is of a newer release").await.unwrap();
    let attempt = AttemptId {
        execution: ExecutionId::new(&installation.execution).unwrap(),
        stage: "Release".parse().unwrap(),
        action: "Ask".parse().unwrap(),
        number: 1,
    };
    store.claim(&attempt, Timestamp(0), Timestamp(1000)).await.unwrap();
    let said = tokio::task::spawn_blocking(move || installation.findings(&[], 1).1).await.unwrap();
    assert!(of(&said, "quarantine")["message"].as_str().unwrap().contains("of a newer release"), "{said}");
    assert!(of(&said, "claim")["command"].as_str().unwrap().starts_with("penstock redrive"), "{said}");
}

/// As after a roll-back of the stack.
#[tokio::test]
async fn a_pipeline_that_cannot_be_read_is_named() {
    let installation = tokio::task::spawn_blocking(Installation::waiting).await.unwrap();
    let table = installation.stack.outputs["TableName"].clone();
    let transition = Transition::new(
        Arc::new(installation.store()),
        Arc::new(MemoryQueue::default()),
        Arc::new(SystemClock),
    );
    let api = pipeline("api").stage("Build", [build("Compile")]).build();
    transition.define(api, DefineMode::Create, name("define-api")).await.unwrap();
    let said = tokio::task::spawn_blocking(move || {
        let newer = json!({
            "TableName": table, "Key": {"pk": {"S": "PIPELINE#api"}, "sk": {"S": "PIPELINE"}},
            "UpdateExpression": "SET #schema = :schema", "ExpressionAttributeNames": {"#schema": "schema"},
            "ExpressionAttributeValues": {":schema": {"N": "99"}},
        });
        ACCOUNT.caller.call("dynamodb", "update_item", &newer);
        installation.findings(&[], 1).1
    });
    let said = said.await.unwrap();
    let finding = of(&said, "unreadable");
    let message = finding["message"].as_str().unwrap();
    assert!(
        message.contains("nothing is decided about api") && message.contains("newer release"),
        "{message}"
    );
    assert!(finding["command"].as_str().unwrap().contains("sam deploy"), "{finding}");
}

#[test]
fn what_could_not_be_looked_at_is_no_good_news() {
    let installation = Installation::waiting();
    let doctor = penstock(&["doctor", "--stack", &installation.stack.name]);
    let blind = doctor.variable("AWS_ENDPOINT_URL_SQS", "http://127.0.0.1:9").ends_with(1);
    assert!(blind.contains("dead-letter queues were not looked at"), "{blind}");
    assert!(!blind.contains("nothing needs attention"), "{blind}");
}
