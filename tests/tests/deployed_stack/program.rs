//! The program, pointed at the stack by its name: a pipeline's life by hand.

use std::process::Command;

use serde_json::{Value as Json, json};

use crate::client::Client;
use crate::mail::Mail;
use crate::page;
use crate::pipelines::{Pipeline, kind};
use crate::stack::{NAME, Stack, beside_others};

const BUILDSPEC: &str = "version: 0.2\nphases:\n  build:\n    commands:\n      - echo built by hand\nartifacts:\n  files: ['buildspec.yml']\n";

/// What `penstock ARGUMENTS --stack NAME` prints, which has to end with one of `codes`.
async fn ends_with(stack: &Stack, arguments: &[&str], codes: &[i32]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_penstock-aws"));
    command.args(arguments).args(["--stack", NAME]).envs(stack.emulator.environment());
    let ended = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let (out, log) = (String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr));
    assert!(ended.status.code().is_some_and(|code| codes.contains(&code)), "{arguments:?}: {out}{log}");
    out.into_owned()
}

/// What `penstock ARGUMENTS --stack NAME` prints; it has to succeed.
pub(crate) async fn penstock(stack: &Stack, arguments: &[&str]) -> String {
    ends_with(stack, arguments, &[0]).await
}

#[tokio::test]
async fn the_program_takes_a_pipeline_from_its_file_to_its_end() {
    let _turn = beside_others().await;
    let client = Client::new();
    let stack = client.stack;
    let mail = Mail::about(stack, "by-hand").await;
    let ask = |name: &str, order: u32| {
        json!({
            "name": name, "runOrder": order, "actionTypeId": kind("Approval", "AWS", "Manual"),
            "configuration": {"CustomData": "Ship it?"},
        })
    };
    let pipeline =
        Pipeline::new(stack, "by-hand").build(stack).stage("Approve", &[ask("Ask", 1), ask("Confirm", 2)]);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("by-hand.json");
    std::fs::write(&file, pipeline.definition().to_string()).unwrap();
    stack.git_hub.push("acme/by-hand", "Make it", &[("buildspec.yml", BUILDSPEC)]);

    penstock(stack, &["apply", file.to_str().unwrap()]).await;
    assert!(penstock(stack, &["list"]).await.contains("by-hand"));
    let started: Json =
        serde_json::from_str(&penstock(stack, &["start", "by-hand", "--format", "json"]).await).unwrap();
    let execution = started["executionId"].as_str().unwrap();
    let message = mail.next().await;
    let log = penstock(stack, &["logs", execution, "--action", "Build/Compile"]).await;
    assert!(log.contains("built by hand"), "{log}");
    // A link that was sent to many is decided with the name that the person types.
    let form = [("pipeline", "by-hand"), ("name", "Sam")];
    let link = message["link"].as_str().unwrap();
    page::approve(&client, link, &form, "Ship it?", "approved by Sam (claimed)").await;
    client.until_action("by-hand", "Confirm", "InProgress").await;
    let doctor: Json =
        serde_json::from_str(&ends_with(stack, &["doctor", "--format", "json"], &[0, 1]).await).unwrap();
    assert!(doctor["findings"].is_array(), "{doctor}");
    penstock(stack, &["approve", "by-hand", "--stage", "Approve", "--action", "Confirm"]).await;
    penstock(stack, &["status", "by-hand", "--follow"]).await;
    let confirmed = client.until_action("by-hand", "Confirm", "Succeeded").await;
    assert_eq!(confirmed["lastUpdatedBy"], "root", "the name of the credentials: {confirmed}");
}
