//! What README.md says of the stack is true of the template, and its first pipeline is one.

use std::fs;

use serde_json::json;

use crate::account::ACCOUNT;
use crate::check::{role, trusted};
use crate::document::{Template, root};
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

#[test]
fn the_first_pipeline_is_what_an_account_takes() {
    let stack = Stack::create("http://127.0.0.1:9");
    let readme = readme();
    let text = between(between(&readme, "`web.yml`", "penstock check --aws"), "```yaml\n", "```");
    let role = role(&trusted(&stack), &["s3:GetObject", "s3:GetObjectVersion", "s3:PutObject"], true);
    ACCOUNT.caller.call("s3", "create_bucket", &json!({"Bucket": "my-site"}));
    let text = text.replace("arn:aws:iam::111122223333:role/web-deploy", &role);
    assert!(text.contains(&role));
    let (_folder, path) = file("web.yml", &text);
    let check = ["check", "--aws", "--stack", &stack.name, path.to_str().unwrap()];
    let said = penstock(&check).ends_with(0);
    assert!(said.contains("pipeline, ") && !said.contains("may-not"), "{said}");
}
