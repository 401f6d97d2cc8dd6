//! From records, of the table's stream or of the queue of untold ones, to what is told, and back to what is delivered again.
//!
//! A record of the stream that cannot be told goes into the queue: it holds up none behind it, and is tried again. So does
//! one whose telling panics or takes all the time that the function has: of what the stream gives up nothing is left but its
//! place in the stream.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::FutureExt;
use penstock_app::notify::Notify;
use penstock_app::port::PortError;
use penstock_app::port::clock::{Clock, SystemClock};
use penstock_app::port::store::Record;
use penstock_aws::store::record_from_image;
use penstock_aws::telemetry::{count_failure, only_attempt};
use penstock_aws::untold::Untold;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::time::{Instant, timeout_at};

/// A batch of the stream or of the queue (Lambda developer guide, "Using AWS Lambda with Amazon DynamoDB" and "… with
/// Amazon SQS").
#[derive(Debug, Deserialize)]
pub(crate) struct Batch {
    #[serde(rename = "Records")]
    records: Vec<Entry>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged, rename_all_fields = "camelCase")]
enum Entry {
    Streamed { dynamodb: Change },
    Queued { message_id: String, body: String },
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Change {
    sequence_number: String,
    /// Absent when an item was deleted.
    #[serde(default)]
    new_image: Option<Value>,
}

/// What is to be delivered again.
#[derive(Debug, Serialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Answer {
    batch_item_failures: Vec<Failure>,
}

#[derive(Debug, Serialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
struct Failure {
    item_identifier: String,
}

/// Where records wait that cannot be told now.
#[async_trait]
pub(crate) trait Waiting: Send + Sync {
    /// Keeps `image`, JSON.
    async fn put(&self, image: &str) -> Result<(), PortError>;
}

#[async_trait]
impl Waiting for Untold {
    async fn put(&self, image: &str) -> Result<(), PortError> {
        Untold::put(self, image).await
    }
}

/// Tells what records say.
pub(crate) struct Handler {
    pub(crate) notify: Notify,
    pub(crate) untold: Box<dyn Waiting>,
}

impl Handler {
    /// Every record is told, whatever becomes of those before it; who was told is not told again. What is not told within
    /// `time` waits.
    pub(crate) async fn handle(&self, batch: Batch, time: Duration) -> Answer {
        let end = Instant::now() + time;
        let mut batch_item_failures = vec![];
        for entry in batch.records {
            let (item_identifier, is_told, is_done) = match entry {
                Entry::Streamed { dynamodb: Change { sequence_number, new_image } } => {
                    let is_told = until(end, self.take(new_image.as_ref())).await;
                    (sequence_number, is_told, is_told || self.put_aside(new_image).await)
                }
                Entry::Queued { message_id, body } => {
                    let is_told = until(end, self.take_queued(&body)).await;
                    (message_id, is_told, is_told)
                }
            };
            if !is_told {
                count_failure(SystemClock.now());
            }
            if !is_done {
                batch_item_failures.push(Failure { item_identifier });
            }
        }
        Answer { batch_item_failures }
    }

    async fn take_queued(&self, body: &str) -> bool {
        match serde_json::from_str(body) {
            Ok(image) => self.take(Some(&image)).await,
            Err(error) => {
                tracing::error!(%error, "a queued record is no JSON");
                false
            }
        }
    }

    /// Whether the image waits in the queue now.
    async fn put_aside(&self, image: Option<Value>) -> bool {
        let Some(image) = image else { return true };
        match self.untold.put(&image.to_string()).await {
            Ok(()) => true,
            Err(error) => {
                tracing::error!(%error, "a record was not put aside; the stream delivers it again");
                false
            }
        }
    }

    /// Whether the image is done with.
    async fn take(&self, image: Option<&Value>) -> bool {
        match image.map(record_from_image).transpose().map(Option::flatten) {
            Ok(None) => true,
            Ok(Some(record)) => self.tell(&record).await,
            Err(PortError { message, .. }) => {
                tracing::error!("a record cannot be told: failed to {message}");
                false
            }
        }
    }

    async fn tell(&self, record: &Record) -> bool {
        let execution = record.execution.as_ref().map(penstock_model::id::ExecutionId::as_str);
        let error = match self.notify.tell(record).await {
            Ok(given_up) => {
                for why in given_up {
                    tracing::error!(pipeline = %record.pipeline, execution, why, "this is never shown, and not tried again");
                    count_failure(SystemClock.now());
                }
                let about = only_attempt(&record.events);
                tracing::info!(
                    pipeline = %record.pipeline,
                    execution,
                    stage = about.map(|attempt| attempt.stage.as_str()),
                    action = about.map(|attempt| attempt.action.as_str()),
                    attempt = about.map(|attempt| attempt.number),
                    version = record.version,
                    "told"
                );
                return true;
            }
            Err(error) => error,
        };
        for attempt in record.events.iter().filter_map(|event| event.fact.attempt()) {
            let (stage, action, number) = (&attempt.stage, &attempt.action, attempt.number);
            tracing::warn!(pipeline = %record.pipeline, execution, %stage, %action, attempt = number, "concerned");
        }
        let retryable = error.is_retryable();
        tracing::error!(pipeline = %record.pipeline, execution, version = record.version, %error, retryable, "not everybody was told");
        // Also what a person has to mend is tried again: somebody else of the record may not have been told yet, and a
        // right that is granted meanwhile lets it through.
        false
    }
}

/// Whether a record is done with by `end`. A panic ends the telling of this one alone.
async fn until(end: Instant, telling: impl Future<Output = bool>) -> bool {
    match timeout_at(end, AssertUnwindSafe(telling).catch_unwind()).await {
        Ok(Ok(is_done)) => is_done,
        Ok(Err(_)) => {
            tracing::error!("telling a record panicked; the line before says where");
            false
        }
        Err(_) => {
            tracing::error!("a record was not told in the function's time");
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use penstock_app::approvals::Approvals;
    use penstock_app::control::StartRequest;
    use penstock_app::port::notifier::{Notice, Notifier};
    use penstock_app::reach::Reach;
    use penstock_aws::telemetry::lines;
    use penstock_testkit::build::{approval, name, pipeline, source};
    use penstock_testkit::fake::FakeProvider;
    use penstock_testkit::installation::Installation;
    use penstock_testkit::kept_logs::KeptLogs;
    use serde_json::json;

    use super::*;

    /// Keeps what is put aside, or nothing.
    #[derive(Default)]
    struct Aside {
        kept: Arc<Mutex<Vec<String>>>,
        fails: bool,
    }

    #[async_trait]
    impl Waiting for Aside {
        async fn put(&self, image: &str) -> Result<(), PortError> {
            if self.fails {
                return Err(PortError::transient("no"));
            }
            self.kept.lock().expect("what is kept").push(image.to_owned());
            Ok(())
        }
    }

    const TIME: Duration = Duration::from_secs(50);

    fn handler(aside: Aside) -> Handler {
        Handler { notify: Installation::new(FakeProvider::default()).notify, untold: Box::new(aside) }
    }

    /// Tells nobody: it panics, or never comes back.
    struct Broken {
        panics: bool,
    }

    #[async_trait]
    impl Notifier for Broken {
        async fn tell(&self, _notice: &Notice) -> Result<(), PortError> {
            assert!(!self.panics, "a defect");
            std::future::pending().await
        }
    }

    /// A pipeline whose execution waits for a verdict, told of by `notifier`, and the images of its records.
    async fn asking(notifier: Broken, aside: Aside) -> (Handler, Vec<Value>) {
        let (handler, images, _) = asking_by(Arc::new(notifier), aside).await;
        (handler, images)
    }

    /// The same, and its approvals.
    async fn asking_by(notifier: Arc<dyn Notifier>, aside: Aside) -> (Handler, Vec<Value>, Arc<Approvals>) {
        let Installation { fakes, approvals, control, transition: _, dispatch: _, worker, .. } =
            Installation::new(FakeProvider::default());
        let stages = pipeline("web").stage("Source", [source("Fetch", "src")]);
        let web = stages.stage("Release", [approval("Sign-off")]).build();
        control.create(web, "alice").await.expect("a pipeline");
        control.start(StartRequest::by(name("web"), "alice")).await.expect("an execution");
        while let Some(message) = fakes.queue.take() {
            worker.handle(message).await.expect("handling a message");
        }
        let (at_hand, reach) = (Arc::new(approvals.clone()), Reach::Signed("penstock".to_owned()));
        let notify = Notify::new(fakes.store.clone(), at_hand, notifier, reach);
        let images = fakes.store.all_records().iter().map(image).collect();
        (Handler { notify, untold: Box::new(aside) }, images, approvals)
    }

    fn image(record: &Record) -> Value {
        let pk = record.execution.as_ref().map_or("PIPELINE#web".to_owned(), |id| format!("EXECUTION#{id}"));
        let number = |value: String| json!({ "N": value });
        json!({
            "pk": {"S": pk}, "sk": {"S": format!("RECORD#{:012}", record.version)}, "schema": {"N": "1"},
            "pipeline": {"S": record.pipeline}, "command": {"S": record.command},
            "version": number(record.version.to_string()), "at": number(record.at.0.to_string()),
            "json": {"S": serde_json::to_string(&record.events).expect("events")},
        })
    }

    #[tokio::test]
    async fn a_record_whose_telling_panics_or_never_ends_waits_and_the_others_are_told() {
        for (panics, time) in [(true, TIME), (false, Duration::ZERO)] {
            let aside = Aside::default();
            let kept = aside.kept.clone();
            let (handler, images) = asking(Broken { panics }, aside).await;
            let records: Vec<Value> =
                images.iter().enumerate().map(|(index, it)| streamed(&index.to_string(), it)).collect();
            let answer = handler.handle(batch(&records), time).await;
            assert!(failed(&answer).is_empty(), "{answer:?}");
            let kept = kept.lock().expect("what is kept").clone();
            let [kept] = &kept[..] else { panic!("one record asks for a verdict, not {kept:?}") };
            let queued = json!({"messageId": "a", "body": kept, "eventSource": "aws:sqs"});
            let answer = handler.handle(batch(&[queued]), time).await;
            assert_eq!(failed(&answer), ["a"], "it is tried again");
        }
    }

    /// Tells, or fails as a service does that repeats what it was asked.
    struct Loud {
        fails: bool,
    }

    #[async_trait]
    impl Notifier for Loud {
        async fn tell(&self, notice: &Notice) -> Result<(), PortError> {
            let topic = "publish to arn:aws:sns:eu-west-1:111122223333:approvals";
            if self.fails {
                Err(PortError::transient(format!("{topic} of {}", notice.pipeline)))
            } else {
                Ok(())
            }
        }
    }

    #[tokio::test]
    async fn what_is_logged_has_the_ids_of_the_attempt_and_no_token() {
        for fails in [false, true] {
            let kept = KeptLogs::of(|to| lines("trace", move || to.clone()));
            let (handler, images, approvals) = asking_by(Arc::new(Loud { fails }), Aside::default()).await;
            let records: Vec<Value> =
                images.iter().enumerate().map(|(index, it)| streamed(&index.to_string(), it)).collect();
            handler.handle(batch(&records), TIME).await;
            let logged = kept.text();
            let lines: Vec<Value> =
                logged.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
            // One record ends the fetch and asks for the verdict; what it is about stands in lines of its own if it fails.
            let (message, stage, action) =
                if fails { ("concerned", "Release", "Sign-off") } else { ("told", "Source", "Fetch") };
            let line = lines.iter().find(|line| line["message"] == message && line["action"] == action);
            let line = line.unwrap_or_else(|| panic!("{message}: {logged}"));
            assert_eq!((&line["stage"], &line["attempt"]), (&json!(stage), &json!(1)));
            let execution = line["execution"].as_str().expect("an execution");
            let asked = format!("{execution}/Release/Sign-off/1").parse().expect("an attempt");
            for token in [approvals.link_token(&asked), approvals.api_token(&asked)] {
                assert!(!logged.contains(&token), "{logged}");
            }
        }
    }

    fn streamed(number: &str, image: &Value) -> Value {
        json!({"eventID": "1", "dynamodb": {"SequenceNumber": number, "NewImage": image}})
    }

    fn batch(records: &[Value]) -> Batch {
        serde_json::from_value(json!({ "Records": records })).expect("a batch")
    }

    fn failed(answer: &Answer) -> Vec<&str> {
        answer.batch_item_failures.iter().map(|failure| failure.item_identifier.as_str()).collect()
    }

    #[tokio::test]
    async fn what_cannot_be_told_holds_up_nothing() {
        let unreadable = json!({"pk": {"S": "EXECUTION#x"}, "sk": {"S": "RECORD#1"}, "schema": {"N": "99"}});
        let other = json!({"pk": {"S": "PIPELINE#x"}, "sk": {"S": "PIPELINE"}});
        let aside = Aside::default();
        let kept = aside.kept.clone();
        let records = [streamed("1", &unreadable), streamed("2", &other)];
        let answer = handler(aside).handle(batch(&records), TIME).await;
        assert!(failed(&answer).is_empty(), "{answer:?}");
        assert_eq!(*kept.lock().expect("what is kept"), [unreadable.to_string()]);
        let answer = handler(Aside { fails: true, ..Aside::default() }).handle(batch(&records), TIME).await;
        assert_eq!(failed(&answer), ["1"], "the stream delivers it again");
    }

    #[tokio::test]
    async fn what_waits_is_tried_again() {
        let unreadable = json!({"pk": {"S": "EXECUTION#x"}, "sk": {"S": "RECORD#1"}, "schema": {"N": "99"}});
        let queued = |id: &str, body: &str| json!({"messageId": id, "body": body, "eventSource": "aws:sqs"});
        let records = [queued("a", &unreadable.to_string()), queued("b", "{"), queued("c", "{}")];
        let answer = handler(Aside::default()).handle(batch(&records), TIME).await;
        assert_eq!(failed(&answer), ["a", "b"], "what is no record is done with");
    }
}
