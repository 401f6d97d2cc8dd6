//! A push to GitHub: the commit is there, and the webhook is delivered.

use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value as Json, json};
use sha2::Sha256;

use crate::client::Client;
use crate::stack::until;

/// A delivery as GitHub sends it.
#[derive(Debug, Clone)]
pub(crate) struct Delivery {
    pub(crate) id: String,
    body: String,
    signature: String,
    pub(crate) sha: String,
}

impl Delivery {
    /// The delivery that tells of a push of `files` to the branch `main` of `repository`.
    pub(crate) async fn of_push(client: &Client, id: &str, repository: &str, files: &[(&str, &str)]) -> Self {
        let message = format!("Change {repository} ({id})");
        let sha = client.stack.git_hub.push(repository, &message, files);
        let body = payload(repository, &sha, &message).to_string();
        let mut mac = Hmac::<Sha256>::new_from_slice(secret(client).await.as_bytes()).unwrap();
        mac.update(body.as_bytes());
        let signature = format!("sha256={}", hex::encode(mac.finalize().into_bytes()));
        Self { id: id.to_owned(), body, signature, sha }
    }

    /// The same under another signature.
    pub(crate) fn signed(&self, signature: &str) -> Self {
        Self { signature: signature.to_owned(), ..self.clone() }
    }

    /// Sends it, and again if the function does not answer in time, as a person has GitHub do; the answer's status and
    /// body.
    pub(crate) async fn send(&self, client: &Client) -> (u16, Json) {
        until("an answer to the delivery", async || {
            Some(self.send_once(client).await).filter(|(status, _)| *status != 503)
        })
        .await
    }

    async fn send_once(&self, client: &Client) -> (u16, Json) {
        let request = client
            .http
            .post(client.stack.url("/webhooks/github"))
            .header("content-type", "application/json")
            .header("x-github-event", "push")
            .header("x-github-delivery", &self.id)
            .header("x-hub-signature-256", &self.signature)
            .body(self.body.clone());
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }
}

/// The secret that the stack generated, as a person reads it to type it at GitHub.
async fn secret(client: &Client) -> String {
    let secrets = aws_sdk_secretsmanager::Client::new(&client.stack.sdk());
    let value = secrets.get_secret_value().secret_id(client.stack.output("WebhookSecretArn"));
    let value = value.send().await.unwrap();
    let value: Json = serde_json::from_str(value.secret_string().unwrap()).unwrap();
    value["current"].as_str().unwrap().to_owned()
}

fn payload(repository: &str, sha: &str, message: &str) -> Json {
    let (owner, name) = repository.split_once('/').unwrap();
    let url = format!("https://github.example/{repository}");
    json!({
        "ref": "refs/heads/main", "before": "0".repeat(40), "after": sha,
        "created": false, "deleted": false, "forced": false, "compare": format!("{url}/compare/a...b"),
        "repository": {
            "id": 1, "name": name, "full_name": repository, "html_url": url, "default_branch": "main",
            "owner": {"login": owner, "name": owner},
        },
        "pusher": {"name": "octo"}, "sender": {"login": "octo"},
        "head_commit": {
            "id": sha, "message": message, "timestamp": "2026-01-02T03:04:05Z", "url": format!("{url}/commit/{sha}"),
            "author": {"name": "Octo", "email": "octo@example.com", "username": "octo"},
            "added": [], "removed": [], "modified": ["buildspec.yml"],
        },
        "commits": [],
    })
}
