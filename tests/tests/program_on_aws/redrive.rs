//! Dead letters go back to where they came from. The emulator has no moves of messages, so a stand-in, held to the
//! service's model, makes them there.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use axum::body::Bytes;
use axum::http::{Request, Response};
use penstock_testkit::python::{Environment, Requirements};
use penstock_tests::service_model::ServiceModel;
use serde_json::{Value as Json, json};

use crate::account::ACCOUNT;
use crate::program::{Penstock, penstock};
use crate::relay::{Way, relay};
use crate::stack::Stack;

/// SQS with moves of messages.
struct Moves {
    model: ServiceModel,
    /// The queue that a dead-letter queue's messages come from: URLs by ARN.
    queues: BTreeMap<String, (String, String)>,
    begun: Mutex<Vec<Json>>,
    fail: AtomicBool,
}

impl Moves {
    /// Of the stack's queues; the URL of the service.
    fn serve(stack: &Stack) -> (Arc<Self>, String) {
        let pair = |name: &str| {
            let (dead, source) = (format!("{name}DeadLetters"), format!("{name}Queue"));
            let url = |id: &str| stack.resource(id).to_owned();
            (arn(stack.resource(&dead)), (url(&dead), url(&source)))
        };
        let programs = Environment::of(Requirements::Clients).programs();
        let moves = Arc::new(Self {
            model: ServiceModel::installed(Path::new(&programs), "sqs"),
            queues: ["Command", "Action", "Artifact", "Notification"].map(pair).into(),
            begun: Mutex::default(),
            fail: AtomicBool::new(false),
        });
        let url = relay(&ACCOUNT.emulator.url(), Arc::clone(&moves));
        (moves, url)
    }

    fn begin(&self, input: &Json) -> Result<Json, String> {
        self.model.check("StartMessageMoveTask", input)?;
        let source = input["SourceArn"].as_str().unwrap();
        let (dead, queue) =
            self.queues.get(source).ok_or("Source queue must be configured as a Dead Letter Queue.")?;
        // Some of the commands were put there by `transition`: only where they are to go moves them.
        let destination = queue.ends_with(".fifo").then(|| arn(queue));
        if input["DestinationArn"].as_str() != destination.as_deref() {
            return Err(format!("the messages go to {destination:?}"));
        }
        let mut moved = 0;
        while !self.fail.load(Ordering::Relaxed) && move_one(dead, queue) {
            moved += 1;
        }
        let mut begun = self.begun.lock().unwrap();
        let started = begun.len();
        begun.push(json!({"SourceArn": source, "Status": "RUNNING", "StartedTimestamp": started, "ApproximateNumberOfMessagesMoved": moved}));
        Ok(json!({"TaskHandle": "handle"}))
    }

    /// The latest move of a queue; who asks again finds it at its end.
    fn list(&self, input: &Json) -> Result<Json, String> {
        self.model.check("ListMessageMoveTasks", input)?;
        let mut begun = self.begun.lock().unwrap();
        let Some(latest) = begun.iter_mut().rev().find(|it| it["SourceArn"] == input["SourceArn"]) else {
            return Ok(json!({"Results": []}));
        };
        let shown = latest.clone();
        latest["Status"] = json!(if self.fail.load(Ordering::Relaxed) { "FAILED" } else { "COMPLETED" });
        if self.fail.load(Ordering::Relaxed) {
            latest["FailureReason"] = json!("CouldNotDetermineMessageSource");
        }
        Ok(json!({"Results": [shown]}))
    }
}

impl Way for Moves {
    fn answer(&self, request: &Request<Bytes>) -> Option<Response<String>> {
        let target = request.headers().get("x-amz-target")?.to_str().ok()?;
        let input = serde_json::from_slice(request.body()).unwrap_or_default();
        let answered = match target.strip_prefix("AmazonSQS.")? {
            "StartMessageMoveTask" => self.begin(&input),
            "ListMessageMoveTasks" => self.list(&input),
            _ => return None,
        };
        let (status, body) = match answered {
            Ok(answer) => (200, answer),
            Err(why) => (400, json!({"__type": "com.amazonaws.sqs#UnsupportedOperation", "message": why})),
        };
        let answer = Response::builder().status(status).header("content-type", "application/x-amz-json-1.0");
        Some(answer.body(body.to_string()).unwrap())
    }
}

fn sqs(operation: &str, input: &Json) -> Json {
    ACCOUNT.caller.call("sqs", operation, input)
}

fn arn(url: &str) -> String {
    let asked = json!({"QueueUrl": url, "AttributeNames": ["QueueArn"]});
    sqs("get_queue_attributes", &asked)["Attributes"]["QueueArn"].as_str().unwrap().to_owned()
}

fn move_one(from: &str, to: &str) -> bool {
    let asked = json!({"QueueUrl": from, "MaxNumberOfMessages": 1, "AttributeNames": ["All"]});
    let Some(message) = sqs("receive_message", &asked)["Messages"].get(0).cloned() else {
        return false;
    };
    let mut send = json!({"QueueUrl": to, "MessageBody": message["Body"]});
    if from.ends_with(".fifo") {
        send["MessageGroupId"] = message["Attributes"]["MessageGroupId"].clone();
        send["MessageDeduplicationId"] = message["MessageId"].clone();
    }
    sqs("send_message", &send);
    sqs("delete_message", &json!({"QueueUrl": from, "ReceiptHandle": message["ReceiptHandle"]}));
    true
}

/// Lets `body` lie in the queue.
pub(crate) fn lie(stack: &Stack, queue: &str, body: &Json) {
    let url = stack.resource(queue);
    let mut send = json!({"QueueUrl": url, "MessageBody": body.to_string()});
    if url.ends_with(".fifo") {
        send["MessageGroupId"] = json!("web");
        send["MessageDeduplicationId"] = json!(crate::account::fresh("letter"));
    }
    sqs("send_message", &send);
}

fn bodies(url: &str) -> Vec<Json> {
    let asked = json!({"QueueUrl": url, "MaxNumberOfMessages": 10, "VisibilityTimeout": 0});
    let found = sqs("receive_message", &asked)["Messages"].clone();
    let body = |message: &Json| serde_json::from_str(message["Body"].as_str().unwrap()).unwrap();
    found.as_array().into_iter().flatten().map(body).collect()
}

/// Work that is owed.
pub(crate) fn debt() -> Json {
    let attempt = json!({"execution": "2b1f0c3a-5d7e-4f60-8a91-b2c3d4e5f607", "stage": "Build", "action": "Compile", "number": 1});
    json!({"type": "debt", "pipeline": "web", "category": "Build", "debt": {"type": "dispatch", "attempt": attempt}})
}

fn wake_up() -> Json {
    json!({"type": "command", "command": {"id": "c-1", "pipeline": "web", "request": {"type": "wakeUp"}}})
}

/// A record of which somebody could not be told, as the table's stream had it.
fn untold() -> Json {
    json!({"pk": {"S": "PIPELINE#web"}, "sk": {"S": "RECORD#000000000001"}, "schema": {"N": "1"}})
}

/// A stack with letters in three queues.
struct Letters {
    stack: Stack,
    moves: Arc<Moves>,
    sqs: String,
}

impl Letters {
    fn lying() -> Self {
        let stack = Stack::create("http://127.0.0.1:9");
        let (moves, sqs) = Moves::serve(&stack);
        lie(&stack, "CommandDeadLetters", &wake_up());
        lie(&stack, "ActionDeadLetters", &debt());
        let event =
            json!({"source": "aws.codebuild", "detail-type": "CodeBuild Build State Change", "detail": {}});
        lie(&stack, "EventDeadLetters", &event);
        Self { stack, moves, sqs }
    }

    fn redrive(&self, options: &[&str]) -> Penstock {
        let redrive = penstock(&[&["redrive", "--stack", &self.stack.name], options].concat());
        redrive.variable("AWS_ENDPOINT_URL_SQS", &self.sqs)
    }

    fn lie_in(&self, queue: &str) -> Vec<Json> {
        bodies(self.stack.resource(queue))
    }
}

#[test]
fn letters_are_shown_and_go_back_to_their_queues() {
    let letters = Letters::lying();
    let shown = letters.redrive(&["--dry-run"]).ends_with(0);
    for expected in
        ["command wakeUp for web", "dispatch of Build/Compile", "event CodeBuild Build State Change"]
    {
        assert!(shown.contains(expected), "{expected}: {shown}");
    }
    assert!(letters.moves.begun.lock().unwrap().is_empty());
    assert_eq!((letters.lie_in("ActionDeadLetters"), letters.lie_in("ActionQueue")), (vec![debt()], vec![]));

    let name = letters.stack.resource("ActionDeadLetters").rsplit('/').next().unwrap();
    let one = letters.redrive(&["--queue", name]).ends_with(0);
    assert!(one.contains("moved 1 back") && !one.contains("wakeUp"), "{one}");
    assert_eq!((letters.lie_in("ActionDeadLetters"), letters.lie_in("ActionQueue")), (vec![], vec![debt()]));
    assert_eq!(letters.lie_in("CommandDeadLetters"), [wake_up()]);

    let rest = letters.redrive(&[]).ends_with(0);
    assert!(rest.contains("moved 1 back"), "{rest}");
    assert_eq!(
        (letters.lie_in("CommandDeadLetters"), letters.lie_in("CommandQueue")),
        (vec![], vec![wake_up()])
    );
}

/// The sweeper leaves them to people: who could not be told for a day is not told before somebody has mended the cause.
#[test]
fn who_could_not_be_told_is_told_by_a_redrive() {
    let letters = Letters::lying();
    lie(&letters.stack, "NotificationDeadLetters", &untold());
    let shown = letters.redrive(&["--dry-run"]).ends_with(0);
    assert!(shown.contains("a record of PIPELINE#web that not everybody was told of"), "{shown}");
    assert_eq!(letters.lie_in("NotificationDeadLetters"), [untold()]);
    let name = letters.stack.resource("NotificationDeadLetters").rsplit('/').next().unwrap();
    let moved = letters.redrive(&["--queue", name]).ends_with(0);
    assert!(moved.contains("moved 1 back"), "{moved}");
    assert_eq!(
        (letters.lie_in("NotificationDeadLetters"), letters.lie_in("NotificationQueue")),
        (vec![], vec![untold()])
    );
    assert_eq!(letters.lie_in("ActionDeadLetters"), [debt()], "the others stay where they are");
}

#[test]
fn letters_of_no_queue_stay_with_the_reason_and_the_way_to_be_rid_of_them() {
    let letters = Letters::lying();
    let left = letters.redrive(&[]).ends_with(0);
    let purge = format!("aws sqs purge-queue --queue-url {}", letters.stack.resource("EventDeadLetters"));
    assert!(left.contains(&purge), "{left}");
    assert!(left.contains("an event is a hint"), "{left}");
    assert_eq!(letters.lie_in("EventDeadLetters").len(), 1);
}

#[test]
fn a_move_that_breaks_off_is_a_failure_with_its_reason() {
    let letters = Letters::lying();
    letters.moves.fail.store(true, Ordering::Relaxed);
    let failed = letters.redrive(&["--format", "json"]).ends_with(1);
    let told: Json = serde_json::from_str(&failed).unwrap();
    let queues = told["queues"].as_array().unwrap();
    let of_actions =
        queues.iter().find(|it| it["queue"].as_str().unwrap().contains("ActionDeadLetters")).unwrap();
    let reason = of_actions["reason"].as_str().unwrap();
    assert!(
        reason.contains("CouldNotDetermineMessageSource") && reason.contains("came from no queue"),
        "{reason}"
    );
    assert_eq!(of_actions["moved"], 0);
    assert_eq!(letters.lie_in("ActionDeadLetters"), [debt()]);
}

#[test]
fn a_queue_that_is_none_is_named_with_those_there_are() {
    let letters = Letters::lying();
    let wrong = letters.redrive(&["--queue", "ActionDeadLetters"]).ends_with(2);
    assert!(wrong.contains("`ActionDeadLetters` is no dead-letter queue"), "{wrong}");
    assert!(
        wrong.contains(letters.stack.resource("CommandDeadLetters").rsplit('/').next().unwrap()),
        "{wrong}"
    );
}
