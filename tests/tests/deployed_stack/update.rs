//! An update of the stack finishes what was in flight.

use crate::amendments;
use crate::client::Client;
use crate::pipelines::Pipeline;
use crate::push::Delivery;
use crate::stack::alone;

const BUILDSPEC: &str = "version: 0.2\nphases:\n  build:\n    commands:\n      - sleep 5\nartifacts:\n  files: ['buildspec.yml']\n";

#[tokio::test]
async fn an_update_finishes_what_is_in_flight() {
    let _turn = alone().await;
    let client = Client::new();
    let stack = client.stack;
    Pipeline::new(stack, "updated").approval().build(stack).create(&client).await;
    Pipeline::new(stack, "building").build(stack).create(&client).await;
    for name in ["updated", "building"] {
        let repository = format!("acme/{name}");
        let files = [("buildspec.yml", BUILDSPEC)];
        Delivery::of_push(&client, &format!("{name}-1"), &repository, &files).await.send(&client).await;
    }
    client.until_action("updated", "Ask", "InProgress").await;
    client.until_action("building", "Compile", "InProgress").await;

    stack.sam_deploy(&["LogRetentionDays=14", "ThrottleRate=60", "Tracing=true"]).await;
    amendments::make(stack).await;

    client.approve("updated").await;
    for name in ["updated", "building"] {
        client.until_execution(name, "Succeeded").await;
        assert_eq!(stack.code_build.builds(&format!("penstock-{name}")).len(), 1, "{name}");
    }
}
