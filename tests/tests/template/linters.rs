//! `sam validate --lint`, cfn-lint and checkov, pinned, over the template.

use std::process::Command;

use penstock_testkit::python::{Environment, Requirements};

use crate::document::root;

#[test]
fn cfn_lint_finds_nothing() {
    let linter = Environment::of(Requirements::Sam).program("cfn-lint");
    passes(Command::new(linter).arg("template.yaml"));
}

#[test]
fn sam_validates_it() {
    let sam = Environment::of(Requirements::Sam).program("sam");
    let mut command = Command::new(sam);
    command.args(["validate", "--lint", "--region", "us-east-1"]);
    passes(
        command
            .env("SAM_CLI_TELEMETRY", "0")
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test"),
    );
}

/// What it is not asked is in `.checkov.yaml`, with the reasons.
#[test]
fn checkov_finds_nothing() {
    let checkov = Environment::of(Requirements::Checkov).program("checkov");
    passes(Command::new(checkov).args(["--config-file", ".checkov.yaml"]));
}

fn passes(command: &mut Command) {
    let ended = command.current_dir(root()).output().unwrap();
    let said = String::from_utf8_lossy(&ended.stdout);
    assert!(ended.status.success(), "{command:?}:\n{said}{}", String::from_utf8_lossy(&ended.stderr));
}
