//! What no event tells, the sweeper finds out.

use crate::client::Client;
use crate::pipelines::Pipeline;
use crate::push::Delivery;
use crate::stack::beside_others;

const BUILDSPEC: &str = "version: 0.2\nphases:\n  build:\n    commands:\n      - echo hi\nartifacts:\n  files: ['buildspec.yml']\n";

#[tokio::test]
async fn an_event_that_never_comes_is_made_up_for() {
    let _turn = beside_others().await;
    let client = Client::new();
    let stack = client.stack;
    Pipeline::new(stack, "untold").build(stack).create(&client).await;
    stack.code_build.lose_events_of("penstock-untold");
    let delivery =
        Delivery::of_push(&client, "untold-1", "acme/untold", &[("buildspec.yml", BUILDSPEC)]).await;
    delivery.send(&client).await;
    client.until_execution("untold", "Succeeded").await;
    assert_eq!(stack.code_build.builds("penstock-untold").len(), 1);
}
