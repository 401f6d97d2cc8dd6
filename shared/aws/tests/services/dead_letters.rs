//! Dead letters: looking at them on the emulator, moving them by a stand-in, as the emulator has no moves.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::QueueAttributeName;
use penstock_aws::dead_letters::{DeadLetterQueue, DeadLetters};
use serde_json::{Value, json};

use crate::connector::{Faults, every_fault};
use crate::{faults, fresh};

/// A queue whose messages end in another; the URLs of both.
async fn pair(client: &Client) -> (String, String) {
    let (name, dead) = (fresh("queue"), fresh("dead"));
    let dead = client.create_queue().queue_name(dead).send().await.unwrap().queue_url.unwrap();
    let about = client.get_queue_attributes().queue_url(&dead).attribute_names(QueueAttributeName::QueueArn);
    let arn = about.send().await.unwrap().attributes.unwrap()[&QueueAttributeName::QueueArn].clone();
    let policy = json!({"deadLetterTargetArn": arn, "maxReceiveCount": "5"}).to_string();
    let create = client.create_queue().queue_name(name).attributes(QueueAttributeName::RedrivePolicy, policy);
    (create.send().await.unwrap().queue_url.unwrap(), dead)
}

#[tokio::test]
async fn whatever_fails_what_lies_there_is_seen_and_stays() {
    let (faults, client) = (faults(), Client::new(faults().sdk().config()));
    let (source, dead) = pair(&client).await;
    for body in ["one", "two"] {
        client.send_message().queue_url(&dead).message_body(body).send().await.unwrap();
    }
    let letters = DeadLetters::new(&faults.sdk(), vec![source, dead.clone()]);
    every_fault(&faults, async |case| {
        assert_eq!(faults.until_done(async || letters.depth().await).await, 2, "{case}");
    })
    .await;
    every_fault(&faults, async |case| {
        let found = faults.until_done(async || letters.find(&[]).await).await;
        let [found] = &found[..] else { panic!("{case}: one of the two, not {found:?}") };
        assert_eq!((&found.url, found.depth, found.sources.len()), (&dead, 2, 1), "{case}");
    })
    .await;
    every_fault(&faults, async |case| {
        let seen = faults.until_done(async || letters.peek(&dead).await).await;
        let mut bodies: Vec<_> = seen.iter().map(|letter| letter.body.as_str()).collect();
        bodies.sort_unstable();
        assert_eq!(bodies, ["one", "two"], "{case}");
        assert_eq!(letters.depth().await.unwrap(), 2, "{case}: they stay");
    })
    .await;
}

/// The dead-letter queue of the stand-in.
const ARN: &str = "arn:aws:sqs:us-east-1:000000000000:dead";

/// SQS's moves of messages (SQS API reference, `StartMessageMoveTask` and `ListMessageMoveTasks`): one at a time.
#[derive(Default)]
struct Moves {
    begun: Vec<Value>,
    running: bool,
}

impl Moves {
    fn answer(&mut self, operation: &str, input: &Value) -> (u16, Value) {
        match operation {
            "GetQueueAttributes" => {
                let depth = if self.begun.is_empty() { "2" } else { "0" };
                (200, json!({"Attributes": {"QueueArn": ARN, "ApproximateNumberOfMessages": depth}}))
            }
            "StartMessageMoveTask" if self.running => (
                400,
                json!({"__type": "com.amazonaws.sqs#UnsupportedOperation", "message": "There is already a task running."}),
            ),
            "StartMessageMoveTask" => {
                self.begun.push(input.clone());
                self.running = true;
                (200, json!({"TaskHandle": "a-handle"}))
            }
            "ListMessageMoveTasks" => {
                let status = if self.running { "RUNNING" } else { "COMPLETED" };
                let task = json!({"Status": status, "SourceArn": ARN, "ApproximateNumberOfMessagesMoved": 1, "StartedTimestamp": 5});
                let tasks = if self.begun.is_empty() { vec![] } else { vec![task] };
                (200, json!({"Results": tasks}))
            }
            other => panic!("{other} is not asked for"),
        }
    }
}

/// The stand-in's address and what it was asked; it ends with the test.
fn stand_in() -> (String, Arc<Mutex<Moves>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let moves = Arc::<Mutex<Moves>>::default();
    let shared = moves.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            // A caller that has gone is answered no more.
            let _ = serve(&stream.unwrap(), &shared);
        }
    });
    (url, moves)
}

fn serve(mut stream: &TcpStream, moves: &Mutex<Moves>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let (mut operation, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 || line.trim().is_empty() {
            break;
        }
        let (name, value) = line.split_once(':').unwrap_or_default();
        match name.to_ascii_lowercase().as_str() {
            "x-amz-target" => operation = value.trim().rsplit('.').next().unwrap_or_default().to_owned(),
            "content-length" => length = value.trim().parse().unwrap(),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let (status, answer) = moves.lock().unwrap().answer(&operation, &serde_json::from_slice(&body).unwrap());
    let answer = answer.to_string();
    write!(
        stream,
        "HTTP/1.1 {status} X\r\nContent-Type: application/x-amz-json-1.0\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{answer}",
        answer.len()
    )
}

#[tokio::test]
async fn whatever_fails_messages_are_moved_back_by_one_move() {
    let (url, moves) = stand_in();
    let faults = Faults::over(&url);
    let letters = DeadLetters::new(&faults.sdk(), vec![format!("{url}/000000000000/dead")]);
    every_fault(&faults, async |case| {
        *moves.lock().unwrap() = Moves::default();
        // A repetition that meets the move which an earlier try began leaves it alone.
        faults.until_done(async || letters.redrive().await).await;
        assert_eq!(moves.lock().unwrap().begun, [json!({"SourceArn": ARN})], "{case}");
    })
    .await;
    every_fault(&faults, async |case| {
        let latest = faults.until_done(async || letters.latest_move(ARN).await).await.unwrap();
        assert_eq!((latest.status.as_str(), latest.moved, latest.is_over()), ("RUNNING", 1, false), "{case}");
    })
    .await;
}

/// By hand, a move that runs already is told: nobody takes it for one that this call began.
#[tokio::test]
async fn a_move_by_hand_begins_once() {
    let (url, moves) = stand_in();
    let letters = DeadLetters::new(&Faults::over(&url).sdk(), vec![]);
    let queue = DeadLetterQueue { url, arn: ARN.to_owned(), depth: 2, sources: vec!["queue".to_owned()] };
    letters.move_back(&queue).await.unwrap();
    let again = letters.move_back(&queue).await.unwrap_err();
    assert!(again.message.contains(ARN), "{again}");
    assert_eq!(moves.lock().unwrap().begun.len(), 1);
}
