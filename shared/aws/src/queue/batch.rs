//! Sending in batches: what fails is sent once more, and then fails the whole.

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{BatchResultErrorEntry, SendMessageBatchRequestEntry};
use penstock_app::port::PortError;

use super::entry::Entry;
use crate::error::port_error;

/// The most entries, and the most bytes of theirs together, that a batch may have; SQS takes 1 MiB.
const ENTRIES: usize = 10;
const BYTES: usize = 1_000_000;

/// Batches in the order of the entries.
pub(super) fn split(entries: Vec<Entry>) -> Vec<Vec<Entry>> {
    let (mut batches, mut bytes) = (Vec::<Vec<Entry>>::new(), 0);
    for entry in entries {
        bytes += entry.body.len();
        match batches.last_mut() {
            Some(batch) if batch.len() < ENTRIES && bytes <= BYTES => batch.push(entry),
            _ => {
                bytes = entry.body.len();
                batches.push(vec![entry]);
            }
        }
    }
    batches
}

/// Sends a batch. The entries' ids are their places, so that the failed ones are found again.
pub(super) async fn send(client: &Client, url: &str, batch: Vec<Entry>) -> Result<(), PortError> {
    let failed = attempt(client, url, requests(&batch, |_| true)?).await?;
    if failed.is_empty() {
        return Ok(());
    }
    let again = requests(&batch, |place| failed.iter().any(|entry| entry.id() == place))?;
    match attempt(client, url, again).await?.first() {
        None => Ok(()),
        Some(entry) => Err(refused(url, entry)),
    }
}

fn requests(
    batch: &[Entry],
    wanted: impl Fn(&str) -> bool,
) -> Result<Vec<SendMessageBatchRequestEntry>, PortError> {
    let places = batch.iter().enumerate().map(|(place, entry)| (place.to_string(), entry));
    places.filter(|(place, _)| wanted(place)).map(|(place, entry)| request(place, entry)).collect()
}

fn request(place: String, entry: &Entry) -> Result<SendMessageBatchRequestEntry, PortError> {
    let fifo = entry.fifo.as_ref();
    SendMessageBatchRequestEntry::builder()
        .id(place)
        .message_body(&entry.body)
        .set_delay_seconds(entry.delay)
        .set_message_group_id(fifo.map(|fifo| fifo.group.clone()))
        .set_message_deduplication_id(fifo.map(|fifo| fifo.deduplication.clone()))
        .build()
        .map_err(|error| PortError::permanent(format!("write an entry of a batch: {error}")))
}

/// The entries that failed.
async fn attempt(
    client: &Client,
    url: &str,
    requests: Vec<SendMessageBatchRequestEntry>,
) -> Result<Vec<BatchResultErrorEntry>, PortError> {
    let sent = client.send_message_batch().queue_url(url).set_entries(Some(requests)).send().await;
    sent.map(|sent| sent.failed).map_err(|error| port_error(&format!("send messages to {url}"), &error))
}

fn refused(url: &str, entry: &BatchResultErrorEntry) -> PortError {
    let reason = entry.message().unwrap_or("no reason was given");
    let message = format!("send a message to {url}: {}: {reason}", entry.code());
    if entry.sender_fault() { PortError::permanent(message) } else { PortError::transient(message) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes(bodies: &[usize]) -> Vec<Vec<usize>> {
        let entries =
            bodies.iter().map(|size| Entry { fifo: None, delay: None, body: "x".repeat(*size) }).collect();
        split(entries).iter().map(|batch| batch.iter().map(|entry| entry.body.len()).collect()).collect()
    }

    #[test]
    fn batches_keep_order_and_limits() {
        assert!(sizes(&[]).is_empty());
        assert_eq!(sizes(&[1; 21]), [vec![1; 10], vec![1; 10], vec![1]]);
        assert_eq!(sizes(&[BYTES, 1, BYTES - 1, 2]), [vec![BYTES], vec![1, BYTES - 1], vec![2]]);
    }
}
