//! Every command that speaks to a server reaches an installation, signed; and what is wrong is said with a way out.

use std::sync::Arc;

use crate::gate::Gate;
use crate::program::{file, penstock};
use crate::relay::relay;
use crate::server::Server;
use crate::stack::Stack;

/// An API behind IAM.
pub(crate) struct Api {
    pub(crate) gate: Arc<Gate>,
    pub(crate) url: String,
    /// The pages and operations behind it.
    pub(crate) server: Server,
}

impl Api {
    pub(crate) fn start() -> Self {
        let (gate, server) = (Arc::new(Gate::default()), Server::start());
        let url = relay(&server.url, Arc::clone(&gate));
        Self { gate, url, server }
    }
}

/// Waits for a person at once.
pub(crate) const DEFINITION: &str = r#"
pipeline:
  name: web
  stages:
    - name: Source
      actions:
        - {name: Checkout, actionType: Source, provider: GitHub, outputArtifacts: [{name: Code}]}
    - name: Release
      actions:
        - {name: Ask, actionType: Approval, provider: Manual}
"#;

#[test]
fn commands_reach_the_api_with_a_signature_and_suggest_the_next_one_with_the_stack() {
    let api = Api::start();
    let stack = Stack::create(&api.url);
    let (folder, _) = file("penstock.yml", DEFINITION);
    let to =
        |arguments: &[&str]| penstock(&[arguments, &["--stack", &stack.name]].concat()).within(folder.path());
    let none = to(&["list"]).ends_with(0);
    assert!(none.contains(&format!("penstock apply penstock.yml --stack {}", stack.name)), "{none}");
    let applied = to(&["apply"]).ends_with(0);
    assert!(applied.contains("Created pipeline web, version 1"), "{applied}");
    assert!(applied.contains(&format!("penstock start web --follow --stack {}", stack.name)), "{applied}");
    let started = to(&["start", "web"]).ends_with(0);
    assert!(started.contains(&format!("--follow --stack {}", stack.name)), "{started}");
    approve(&to);
    let followed = to(&["status", "web", "--follow"]).ends_with(0);
    assert!(followed.contains("Succeeded") || followed.contains("succeeded"), "{followed}");
    assert!(to(&["history", "web"]).ends_with(0).contains("ucceeded"));
    let missing = to(&["status", "wbe"]).ends_with(2);
    assert!(missing.contains("there is no pipeline `wbe`; there is web"), "{missing}");
    assert!(api.gate.passed() > 6);
}

/// The verdict, as soon as it is asked for.
fn approve(to: &impl Fn(&[&str]) -> crate::program::Penstock) {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    loop {
        let given = to(&["approve", "web", "--stage", "Release", "--action", "Ask"]).run();
        if given.code == 0 {
            return;
        }
        assert!(std::time::Instant::now() < deadline, "{given}");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}

#[test]
fn an_endpoint_of_ones_own_is_signed_for_when_asked() {
    let api = Api::start();
    let list = |options: &[&str]| penstock(&[&["list", "--endpoint", &api.url], options].concat());
    let unsigned = list(&[]).ends_with(1);
    assert!(unsigned.contains("Forbidden"), "{unsigned}");
    assert!(list(&["--sign"]).ends_with(0).contains("No pipelines yet"));
    let from_environment = penstock(&["list", "--sign"]).variable("PENSTOCK_ENDPOINT", &api.url);
    assert!(from_environment.ends_with(0).contains("No pipelines yet"));
    let other = list(&["--sign"]).variable("AWS_SECRET_ACCESS_KEY", "another").ends_with(1);
    assert!(other.contains("does not let you in") && other.contains("execute-api:Invoke"), "{other}");
}

#[test]
fn what_keeps_commands_from_the_installation_is_said_in_a_line() {
    let list = || penstock(&["list", "--stack", "penstock-nowhere"]);
    let cases = [
        (list(), 2, "there is no stack `penstock-nowhere` in us-east-1"),
        (list().variable("AWS_ENDPOINT_URL", "http://127.0.0.1:9"), 4, "Connection refused"),
        (
            list().variable("AWS_ACCESS_KEY_ID", "").variable("AWS_SECRET_ACCESS_KEY", ""),
            2,
            "no usable AWS credentials",
        ),
        (list().variable("AWS_REGION", "").variable("AWS_DEFAULT_REGION", ""), 2, "no AWS region is set"),
        (penstock(&["list", "--endpoint", "http://127.0.0.1:9", "--sign"]), 4, "no answer from"),
    ];
    for (command, code, expected) in cases {
        let said = command.ends_with(code);
        assert!(said.contains(expected), "{expected}: {said}");
        assert!(
            said.lines().count() == 1 && !said.contains("Failure {") && !said.contains("Some("),
            "{said}"
        );
    }
}
