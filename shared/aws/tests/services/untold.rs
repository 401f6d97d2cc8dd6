//! Records that wait to be told.

use aws_sdk_sqs::Client;
use penstock_aws::untold::Untold;

use crate::connector::every_fault;
use crate::{faults, fresh};

#[tokio::test]
async fn whatever_fails_a_record_waits_whole() {
    let (faults, client) = (faults(), Client::new(faults().sdk().config()));
    let made = client.create_queue().queue_name(fresh("untold")).send().await.unwrap();
    let url = made.queue_url.unwrap();
    let untold = Untold::new(&faults.sdk(), &url);
    every_fault(&faults, async |case| {
        let image = serde_json::json!({"pk": {"S": case}}).to_string();
        faults.until_done(async || untold.put(&image).await).await;
        let receive = client.receive_message().queue_url(&url).max_number_of_messages(10);
        let received = receive.send().await.unwrap();
        // Twice does no harm: who was told is remembered.
        assert!(!received.messages().is_empty(), "{case}");
        for message in received.messages() {
            assert_eq!(message.body(), Some(image.as_str()), "{case}");
            let handle = message.receipt_handle().unwrap();
            client.delete_message().queue_url(&url).receipt_handle(handle).send().await.unwrap();
        }
    })
    .await;
}
