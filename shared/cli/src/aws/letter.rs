//! What a dead letter is about, in a line.

use penstock_app::engine::debt::Debt;
use penstock_app::port::queue::Message;
use penstock_aws::dead_letters::{DeadLetterQueue, Letter};
use penstock_model::time::Timestamp;
use penstock_model::trigger::{GitEvent, SourceEvent};
use serde_json::Value as Json;

use crate::show::clean::clean;
use crate::show::duration::moment;

/// The most characters of an unknown message that are shown.
const SHOWN: usize = 80;

/// `dispatch of Build/Compile in web, sent 2026-01-31 12:30:05Z`.
pub(crate) fn line(letter: &Letter) -> String {
    let about = about(&letter.body);
    let sent = letter.sent_at.map(|at| format!(", sent {}", moment(Timestamp(at)))).unwrap_or_default();
    clean(&format!("{about}{sent}"))
}

/// Why nothing moves the letters of a queue that no other queue's messages end in, what became of what they are about,
/// and how to be rid of them once that is known: until then their alarm rings.
pub(crate) fn unmovable(queue: &DeadLetterQueue, letters: &[Letter]) -> String {
    let json = |letter: &Letter| serde_json::from_str::<Json>(&letter.body).unwrap_or_default();
    let about_stream = letters.iter().map(json).any(|json| json["DDBStreamBatchInfo"].is_object());
    let about_uploads = letters.iter().map(json).any(|json| event(&json)["source"] == "aws.s3");
    let became = if about_stream {
        "the state is whole, and somebody was not told of it: look at `penstock history`, and for the cause at the log of the notification function"
    } else if about_uploads {
        "an upload among them has started nothing: start its pipeline (`penstock start NAME`), and look for the cause at the log of the observer function; of the others nothing is lost"
    } else {
        "nothing is lost: an event is a hint, and the sweeper asks the provider and comes by every minute"
    };
    format!(
        "they come from no queue, so SQS moves them nowhere; {became}; to clear them: aws sqs purge-queue --queue-url {}",
        queue.url
    )
}

/// What a message's body asks for.
pub(crate) fn about(body: &str) -> String {
    match serde_json::from_str(body) {
        Ok(message) => of_ours(&message),
        Err(_) => {
            serde_json::from_str(body).ok().and_then(|json| of_others(&json)).unwrap_or_else(|| unknown(body))
        }
    }
}

fn of_ours(message: &Message) -> String {
    match message {
        Message::Command { command } => {
            let request = serde_json::to_value(&command.request).unwrap_or_default();
            let what = request["type"].as_str().unwrap_or("command").to_owned();
            let attempt = request["attempt"]["action"].as_str().map(|action| {
                format!(" on {}/{action}", request["attempt"]["stage"].as_str().unwrap_or_default())
            });
            format!("command {what}{} for {}", attempt.unwrap_or_default(), command.pipeline)
        }
        Message::Debt { pipeline, debt, category: _ } => format!("{} in {pipeline}", owed(debt)),
        Message::Delivery { delivery, event, pipeline } => {
            let to = pipeline.as_ref().map(|pipeline| format!(" to {pipeline}")).unwrap_or_default();
            format!("delivery {delivery}{to}: {}", happened(event))
        }
    }
}

fn owed(debt: &Debt) -> String {
    let (what, attempt) = match debt {
        Debt::Dispatch { attempt } => ("dispatch", attempt),
        Debt::Cancel { attempt } => ("cancellation", attempt),
        Debt::Observe { attempt } => ("observation", attempt),
        Debt::GoOn => return "wake-up".to_owned(),
    };
    format!("{what} of {}/{}, execution {}", attempt.stage, attempt.action, attempt.execution)
}

fn happened(event: &SourceEvent) -> String {
    match event {
        SourceEvent::Git(GitEvent::Push(push)) => {
            format!("push of {} to {}", crate::show::short(&push.commit), push.repository)
        }
        SourceEvent::Git(GitEvent::PullRequest(request)) => format!("pull request in {}", request.repository),
        SourceEvent::ObjectCreated(object) => format!("upload of s3://{}/{}", object.bucket, object.key),
    }
}

/// Events of `EventBridge` and records of a stream that no function took (Lambda developer guide, on-failure destinations).
fn of_others(json: &Json) -> Option<String> {
    let own = event(json);
    if let (Some(bucket), Some(key)) =
        (own["detail"]["bucket"]["name"].as_str(), own["detail"]["object"]["key"].as_str())
    {
        return Some(format!("upload of s3://{bucket}/{key}"));
    }
    if let (Some(source), Some(kind)) = (own["source"].as_str(), own["detail-type"].as_str()) {
        return Some(format!("event {kind} of {source}"));
    }
    if let (Some(item), true) = (json["pk"]["S"].as_str(), is_record(json)) {
        return Some(format!("a record of {item} that not everybody was told of"));
    }
    let batch = json["DDBStreamBatchInfo"].as_object()?;
    let records = batch.get("batchSize").and_then(Json::as_u64).unwrap_or(1);
    let condition = json["requestContext"]["condition"].as_str().unwrap_or("not taken");
    Some(format!("{records} records of the table's stream that nobody was told of ({condition})"))
}

/// The event: `EventBridge` puts it there as it is, Lambda with what became of it round about.
fn event(json: &Json) -> &Json {
    json.get("requestPayload").unwrap_or(json)
}

/// Whether this is an item of the table that says what happened: such go through a queue until everybody is told.
fn is_record(item: &Json) -> bool {
    item["sk"]["S"].as_str().is_some_and(|key| key.starts_with("RECORD#"))
}

fn unknown(body: &str) -> String {
    let shown: String = body.chars().take(SHOWN).collect();
    let rest = if body.chars().count() > SHOWN { "…" } else { "" };
    format!("unknown: {shown}{rest}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_told_in_words() {
        let execution = "2b1f0c3a-5d7e-4f60-8a91-b2c3d4e5f607";
        let debt = serde_json::json!({
            "type": "debt", "pipeline": "web", "category": "Build",
            "debt": { "type": "dispatch", "attempt": { "execution": execution, "stage": "Build", "action": "Compile", "number": 1 } }
        });
        assert_eq!(
            about(&debt.to_string()),
            format!("dispatch of Build/Compile, execution {execution} in web")
        );
        let wake = serde_json::json!({
            "type": "command", "command": { "id": "c-1", "pipeline": "web", "request": { "type": "wakeUp" } }
        });
        assert_eq!(about(&wake.to_string()), "command wakeUp for web");
        let event = r#"{"source":"aws.codebuild","detail-type":"CodeBuild Build State Change","detail":{}}"#;
        assert_eq!(about(event), "event CodeBuild Build State Change of aws.codebuild");
        let failed = format!(
            r#"{{"version":"1.0","requestContext":{{"condition":"RetriesExhausted"}},"requestPayload":{event}}}"#
        );
        assert_eq!(about(&failed), about(event));
        let upload = r#"{"source":"aws.s3","detail-type":"Object Created","detail":{"bucket":{"name":"b"},"object":{"key":"web/a.zip"}}}"#;
        assert_eq!(about(upload), "upload of s3://b/web/a.zip");
        assert_eq!(about("\u{1b}[2Jnot json"), "unknown: \u{1b}[2Jnot json");
        let queue =
            DeadLetterQueue { url: "https://q".into(), arn: String::new(), depth: 1, sources: vec![] };
        let record = Letter {
            id: "1".into(),
            sent_at: None,
            body: r#"{"requestContext":{"condition":"RetryAttemptsExhausted"},"DDBStreamBatchInfo":{"batchSize":1}}"#.into(),
        };
        assert!(line(&record).contains("1 records of the table's stream"), "{}", line(&record));
        let untold = r#"{"pk":{"S":"PIPELINE#web"},"sk":{"S":"RECORD#0001"}}"#;
        assert_eq!(about(untold), "a record of PIPELINE#web that not everybody was told of");
        assert!(unmovable(&queue, &[record]).contains("not told"));
        let upload = Letter { id: "2".into(), sent_at: None, body: upload.into() };
        assert!(unmovable(&queue, &[upload]).contains("penstock start NAME"));
        assert!(unmovable(&queue, &[]).ends_with("aws sqs purge-queue --queue-url https://q"));
        let letter = Letter { id: "1".into(), sent_at: Some(1_700_000_000_123), body: "\u{1b}[2Jx".into() };
        assert_eq!(line(&letter), "unknown: x, sent 2023-11-14 22:13:20Z");
    }
}
