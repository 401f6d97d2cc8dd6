//! Clients that know nothing of the API's authorisation reach it through a port of this machine.

use std::path::Path;
use std::process::Command;

use penstock_testkit::python::{Environment, Requirements};

use crate::program::penstock;
use crate::server::Server;
use crate::signed::Api;
use crate::stack::Stack;

/// A proxy before an API.
struct Proxy {
    api: Api,
    proxy: Server,
}

impl Proxy {
    fn start() -> Self {
        let api = Api::start();
        let stack = Stack::create(&api.url);
        let proxy = penstock(&["proxy", "--listen", "0", "--stack", &stack.name]).into_command();
        Self { api, proxy: Server::listening(proxy, tempfile::tempdir().unwrap()) }
    }

    fn script(&self, arguments: &[&str]) {
        let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("python");
        let ended = Command::new(Environment::of(Requirements::Clients).python())
            .arg(scripts.join(arguments[0]))
            .arg(&self.proxy.url)
            .args(&arguments[1..])
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env_remove("AWS_PROFILE")
            .output()
            .unwrap();
        let said = || {
            format!("{:?}", (String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr)))
        };
        assert!(ended.status.success(), "{arguments:?}: {}", said());
    }
}

#[test]
fn boto3_works_through_it_in_both_protocols() {
    let proxy = Proxy::start();
    proxy.script(&["operations.py", "json"]);
    assert!(proxy.api.gate.passed() > 20, "every request was signed anew");
    Proxy::start().script(&["operations.py", "cbor"]);
}

#[test]
fn the_aws_command_line_works_through_it() {
    Proxy::start().script(&["command_line.py"]);
}

#[tokio::test]
async fn browsers_get_pages_and_strangers_nothing() {
    let proxy = tokio::task::spawn_blocking(Proxy::start).await.unwrap();
    let _ = rustls::crypto::ring::default_provider().install_default();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = &proxy.proxy.url;
    let page = http.get(format!("{url}/?x=a%20b&y")).send().await.unwrap();
    assert_eq!(page.status(), 200);
    assert!(page.text().await.unwrap().contains("<h1>Pipelines</h1>"));
    assert_eq!(http.get(format!("{}/", proxy.api.url)).send().await.unwrap().status(), 403, "without it");

    let before = proxy.api.gate.passed();
    let rebound = http.get(url).header("host", "evil.example").send().await.unwrap();
    assert_eq!(rebound.status(), 421);
    let foreign = http.post(url).header("origin", "https://evil.example").body("{}").send().await.unwrap();
    assert_eq!(foreign.status(), 403);
    assert!(foreign.text().await.unwrap().contains("another origin"));
    let large = http.post(url).body(vec![0; (10 << 20) + 1]).send().await.unwrap();
    assert_eq!(large.status(), 413);
    assert_eq!(proxy.api.gate.passed(), before, "none of it was signed");
    assert!(proxy.api.server.url.starts_with("http://127.0.0.1:"));
}

#[test]
fn other_machines_are_not_served() {
    let refused = penstock(&["proxy", "--stack", "any", "--listen", "0.0.0.0:7879"]).ends_with(2);
    assert!(refused.contains("other machines could reach that"), "{refused}");
}
