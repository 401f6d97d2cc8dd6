//! A push whose webhook was lost.

use serde_json::{Value as Json, json};

use crate::client::Client;
use crate::lambda::invoke;
use crate::pipelines::Pipeline;
use crate::push::Delivery;
use crate::stack::{alone, until};

#[tokio::test]
async fn a_push_without_a_webhook_is_found_and_started_once() {
    // Alone: what others push and have not delivered yet would be found too.
    let _turn = alone().await;
    let client = Client::new();
    let stack = client.stack;
    Pipeline::new(stack, "unheard").approval().create(&client).await;
    let first = Delivery::of_push(&client, "unheard-1", "acme/unheard", &[("a", "1")]).await;
    first.send(&client).await;
    client.approve("unheard").await;
    client.until_execution("unheard", "Succeeded").await;

    reconcile(&client).await;
    let lost = Delivery::of_push(&client, "unheard-2", "acme/unheard", &[("a", "2")]).await;
    reconcile(&client).await;
    until("the commit that nothing told of", async || (revision(&client).await == lost.sha).then_some(()))
        .await;
    client.approve("unheard").await;
    client.until_execution("unheard", "Succeeded").await;

    reconcile(&client).await;
    assert_eq!(lost.send(&client).await.0, 202, "somebody has GitHub deliver it after all");
    let last = Delivery::of_push(&client, "unheard-3", "acme/unheard", &[("a", "3")]).await;
    last.send(&client).await;
    until("the next commit", async || (revision(&client).await == last.sha).then_some(())).await;
    let triggers: Vec<Json> = client
        .executions("unheard")
        .await
        .iter()
        .rev()
        .map(|it| it["trigger"]["triggerType"].clone())
        .collect();
    assert_eq!(triggers, ["Webhook", "PollForSourceChanges", "Webhook"], "each commit once");
}

/// Compares the branches now, as the sweeper does once an hour.
async fn reconcile(client: &Client) {
    let answer = invoke(client.stack, "SweeperFunction", &json!({"reconcile": true})).await;
    assert!(answer.is_null(), "{answer}");
}

/// The commit that the newest execution carries.
async fn revision(client: &Client) -> String {
    let newest = client.executions("unheard").await.remove(0);
    newest["sourceRevisions"][0]["revisionId"].as_str().unwrap_or_default().to_owned()
}
