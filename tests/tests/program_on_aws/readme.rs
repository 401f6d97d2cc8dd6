//! What README.md says of the stack is true of the template, its commands do what they are there for, and its first pipeline
//! is one.

use std::fs;
use std::process::Command;

use penstock_testkit::python::{Environment, Requirements};
use serde_json::json;

use crate::account::{ACCOUNT, fresh};
use crate::document::{Template, list, root};
use crate::program::{file, penstock};
use crate::stack::Stack;

fn readme() -> String {
    fs::read_to_string(root().join("README.md")).unwrap()
}

/// What stands between `from` and the next `to`.
fn between<'a>(text: &'a str, from: &str, to: &str) -> &'a str {
    let (_, rest) = text.split_once(from).unwrap_or_else(|| panic!("README.md has no `{from}`"));
    rest.split_once(to).unwrap_or_else(|| panic!("README.md has no `{to}` after `{from}`")).0
}

#[test]
fn outputs_parameters_and_alarms_are_the_templates() {
    let (readme, template) = (readme(), Template::load());
    let all = |pattern: &str, text: &str| -> Vec<String> {
        let pattern = regex::Regex::new(pattern).unwrap();
        pattern.captures_iter(text).map(|found| found[1].to_owned()).collect()
    };
    let outputs = all(r"\bout ([A-Z]\w+)", &readme);
    assert!(outputs.len() > 5);
    for output in outputs {
        assert!(!template.0["Outputs"][&output].is_null(), "there is no output {output}");
    }
    let table = between(&readme, "| parameter | |\n|---|---|\n", "\n\n");
    for row in table.lines() {
        for parameter in all(r"`(\w+)`", row.split('|').nth(1).unwrap()) {
            assert!(!template.0["Parameters"][&parameter].is_null(), "there is no parameter {parameter}");
        }
    }
    for alarm in all(r"`(\w+Alarm)`", &readme) {
        assert_eq!(template.resource(&alarm).whole["Type"], "AWS::CloudWatch::Alarm");
    }
}

/// The indented block of `readme` in which `line` begins a line, as a person pastes it.
fn block(readme: &str, line: &str) -> String {
    let lines: Vec<&str> = readme.lines().collect();
    let at = lines.iter().position(|text| text.starts_with("    ") && text.trim_start().starts_with(line));
    let at = at.unwrap_or_else(|| panic!("README.md has no command that begins with `{line}`"));
    let rest = lines[at..].iter().take_while(|text| text.starts_with("    "));
    rest.map(|text| format!("{text}\n")).collect()
}

/// Runs commands of README.md in a shell, with the pinned AWS command line, for `stack`; what they print.
fn run(stack: &Stack, commands: &str) -> String {
    let mut path = Environment::of(Requirements::Clients).programs().into_os_string();
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap_or_default());
    let out = block(&readme(), "out()");
    let script = format!("set -eu\n{}\n{commands}", out.lines().next().unwrap());
    let mut shell = Command::new("bash");
    shell.args(["-c", &script]).envs(ACCOUNT.emulator.environment());
    let ended = shell.env("PATH", path).env("PENSTOCK_STACK", &stack.name).output().unwrap();
    let (out, log) = (String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr));
    assert!(ended.status.success(), "{script}\n{out}{log}");
    out.into_owned()
}

#[test]
fn the_first_role_and_pipeline_are_what_an_account_takes() {
    let stack = Stack::create("http://127.0.0.1:9");
    let readme = readme();
    let bucket = fresh("site");
    ACCOUNT.caller.call("s3", "create_bucket", &json!({"Bucket": bucket}));
    run(&stack, &block(&readme, "aws iam create-role").replace("my-site", &bucket));
    let text = between(between(&readme, "`web.yml`", "penstock check --aws"), "```yaml\n", "```");
    let text = text.replace("my-site", &bucket).replace("::111122223333:", "::000000000000:");
    let (_folder, path) = file("web.yml", &text);
    let check = ["check", "--aws", "--stack", &stack.name, path.to_str().unwrap()];
    let said = penstock(&check).ends_with(0);
    assert!(said.contains("pipeline, "), "{said}");
    // That the check looks at this role: without its rights it is not enough.
    ACCOUNT.caller.call(
        "iam",
        "delete_role_policy",
        &json!({"RoleName": "web-deploy", "PolicyName": "deploy"}),
    );
    let said = penstock(&check).ends_with(2);
    assert!(said.contains("permission-missing") && said.contains("web-deploy lacks s3:PutObject"), "{said}");
}

#[test]
fn a_bucket_sends_its_events_once_it_is_told_to() {
    let stack = Stack::create("http://127.0.0.1:9");
    let (bucket, s3) =
        (fresh("uploads"), |operation: &str, input| ACCOUNT.caller.call("s3", operation, &input));
    s3("create_bucket", json!({"Bucket": bucket}));
    let command = block(&readme(), "aws s3api put-bucket-notification-configuration");
    let shown = penstock_model::trigger::send_events("BUCKET");
    assert_eq!(command.trim(), shown.trim_matches('`'), "as `check` shows it");
    run(&stack, &command.replace("BUCKET", &bucket));
    let told = s3("get_bucket_notification_configuration", json!({"Bucket": bucket}));
    assert!(told["EventBridgeConfiguration"].is_object(), "{told}");
}

#[test]
fn a_parameter_is_stored_given_read_and_replaced() {
    let (readme, nobodys) = (readme(), "http://127.0.0.1:9");
    let store = block(&readme, "read -rs TOKEN && aws ssm").replace("read -rs TOKEN", "TOKEN=t0ken");
    let (webhook, token) = (store.replace("github-token", "webhook"), store);
    let first = r#"'{"current":"OLD"}'"#;
    let arn = run(&Stack::create(nobodys), &webhook.replace("TOKEN=t0ken", &format!("TOKEN={first}")));
    let arn = arn.lines().last().unwrap().to_owned();
    let stack = Stack::with(nobodys, &[("WebhookSecretArn", &arn)]);
    let replace = block(&readme, "aws ssm get-parameter --name \"$(out WebhookSecretArn)\"");
    assert!(run(&stack, &replace).starts_with("{\"current\":\"OLD\"}\n"), "it is read before it is replaced");
    assert!(run(&stack, &replace).starts_with("{\"current\":\"NEW\",\"previous\":\"OLD\"}\n"));
    assert!(run(&stack, &token).trim_end().ends_with(":parameter/penstock/github-token"));
}

#[test]
fn the_removal_empties_the_bucket() {
    let stack = Stack::create("http://127.0.0.1:9");
    let (bucket, s3) = (&stack.outputs["ArtifactBucket"], |operation: &str, input| {
        ACCOUNT.caller.call("s3", operation, &input)
    });
    for (key, body) in [("artifacts/a.zip", "one"), ("artifacts/a.zip", "two"), ("logs/b c.log", "three")] {
        s3("put_object", json!({"Bucket": bucket, "Key": key, "Body": body}));
    }
    s3("delete_object", json!({"Bucket": bucket, "Key": "artifacts/a.zip"}));
    let empty = block(&readme(), "B=$(out ArtifactBucket)");
    assert!(empty.contains("while") && empty.contains("done"), "{empty}");
    run(&stack, &empty);
    let left = s3("list_object_versions", json!({"Bucket": bucket}));
    assert!(left["Versions"].is_null() && left["DeleteMarkers"].is_null(), "{left}");
    run(&stack, &empty);
    let readme = readme();
    let last = between(&readme, "are still there: ", "Either way");
    let commands: Vec<&str> = last.split('`').skip(1).step_by(2).collect();
    let named = ["aws s3api delete-bucket", "aws dynamodb update-table", "aws dynamodb delete-table"];
    let are_those = commands.iter().zip(named).all(|(command, name)| command.starts_with(name));
    assert!(are_those && commands.len() == named.len(), "{commands:?}");
    run(&stack, &format!("{empty}\n{}\n", commands.join("\n")));
    let tables = ACCOUNT.caller.call("dynamodb", "list_tables", &json!({}));
    assert!(!list(&tables["TableNames"]).contains(&&json!(stack.outputs["TableName"])), "{tables}");
}
