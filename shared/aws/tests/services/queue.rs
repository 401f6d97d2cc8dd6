//! The queues.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{MessageSystemAttributeName, QueueAttributeName};
use penstock_app::engine::command::Request;
use penstock_app::engine::debt::Debt;
use penstock_app::port::queue::{Message, Queue};
use penstock_aws::queue::{Arrival, CommandDeadLetters, QueueUrls, SqsQueue, WAITED};
use penstock_aws::sdk::Sdk;
use penstock_model::pipeline::Category;
use penstock_model::time::Timestamp;
use penstock_model::trigger::{GitEvent, Push, Reference};
use penstock_testkit::build::{command, name};
use penstock_testkit::contract::queue_contract;

use crate::artifacts::fresh_attempt;
use crate::bucket::Bucket;
use crate::connector::every_fault;
use crate::{faults, fresh};

/// Three queues and what takes messages out of them.
struct Bench {
    client: Client,
    urls: QueueUrls,
    queue: SqsQueue,
    bucket: Bucket,
}

/// A message that came.
#[derive(Debug)]
struct Arrived {
    group: Option<String>,
    body: String,
    message: Message,
}

impl Bench {
    async fn new() -> Self {
        let sdk = faults().sdk();
        let client = Client::new(sdk.config());
        let urls = QueueUrls {
            commands: Some(create(&client, true).await),
            actions: Some(create(&client, false).await),
            artifacts: Some(create(&client, false).await),
        };
        let bucket = Bucket::new(&sdk).await;
        let queue = SqsQueue::new(&sdk, urls.clone()).spilling_into(&sdk, &bucket.name);
        Self { client, urls, queue, bucket }
    }

    /// The same queues by another configuration.
    fn over(&self, sdk: &Sdk) -> SqsQueue {
        SqsQueue::new(sdk, self.urls.clone()).spilling_into(sdk, &self.bucket.name)
    }

    /// Everything that is there now.
    async fn take(&self, url: Option<&String>) -> Vec<Arrived> {
        let (url, mut all) = (url.unwrap(), vec![]);
        loop {
            let receive = self.client.receive_message().queue_url(url).max_number_of_messages(10);
            let receive = receive.message_system_attribute_names(MessageSystemAttributeName::All);
            let received = receive.send().await.unwrap();
            if received.messages().is_empty() {
                return all;
            }
            for message in received.messages() {
                let group =
                    message.attributes().and_then(|all| all.get(&MessageSystemAttributeName::MessageGroupId));
                let body = message.body().unwrap().to_owned();
                let read = self.queue.receive(&body).await.unwrap();
                all.push(Arrived { group: group.cloned(), body, message: read });
                let handle = message.receipt_handle().unwrap();
                self.client.delete_message().queue_url(url).receipt_handle(handle).send().await.unwrap();
            }
        }
    }

    async fn commands(&self) -> Vec<Arrived> {
        self.take(self.urls.commands.as_ref()).await
    }

    async fn all(&self) -> Vec<Arrived> {
        let mut all = self.commands().await;
        all.extend(self.take(self.urls.actions.as_ref()).await);
        all.extend(self.take(self.urls.artifacts.as_ref()).await);
        all
    }
}

async fn create(client: &Client, fifo: bool) -> String {
    let name = fresh("queue");
    let create = if fifo {
        client
            .create_queue()
            .queue_name(format!("{name}.fifo"))
            .attributes(QueueAttributeName::FifoQueue, "true")
    } else {
        client.create_queue().queue_name(name)
    };
    create.send().await.unwrap().queue_url.unwrap()
}

fn wake_up(id: &str) -> Message {
    Message::Command { command: command(id, &name("web"), Request::WakeUp) }
}

fn owed(category: Category) -> Message {
    let debt = Debt::Dispatch { attempt: fresh_attempt() };
    Message::Debt { pipeline: name("web"), category: Some(category), debt }
}

fn delivery(id: &str, paths: usize) -> Message {
    let push = Push {
        repository: "Acme/Web".to_owned(),
        reference: Reference::Branch("main".to_owned()),
        commit: "0".repeat(40),
        message: Some("light\u{b} the \u{ffff} canal \u{1f4a7}".to_owned()),
        author: None,
        changed_paths: Some((0..paths).map(|path| format!("{path:0>96}")).collect()),
        deleted: false,
    };
    Message::Delivery { delivery: name(id), event: Box::new(GitEvent::Push(push).into()), pipeline: None }
}

#[tokio::test]
async fn contract() {
    queue_contract(async || {
        let bench = Bench::new().await;
        let (queue, mut arrived) = (Arc::new(bench.queue.clone()), vec![]);
        (queue as Arc<dyn Queue>, async move || {
            if arrived.is_empty() {
                arrived = bench.all().await;
            }
            arrived.pop().map(|arrived: Arrived| arrived.message)
        })
    })
    .await;
}

#[tokio::test]
async fn each_message_goes_where_its_worker_listens() {
    let bench = Bench::new().await;
    let (source, build) = (owed(Category::Source), owed(Category::Build));
    let sent =
        vec![wake_up("wake-1"), source.clone(), delivery("72d3162e", 1), build.clone(), wake_up("wake-1")];
    bench.queue.send(sent).await.unwrap();
    let commands = bench.commands().await;
    let groups: Vec<_> = commands.iter().map(|arrived| arrived.group.as_deref().unwrap()).collect();
    assert_eq!(groups.len(), 2, "the same command is taken once");
    assert!(groups.contains(&"web") && groups.contains(&"acme/web"), "{groups:?}");
    assert_eq!(only(bench.take(bench.urls.artifacts.as_ref()).await), source);
    assert_eq!(only(bench.take(bench.urls.actions.as_ref()).await), build);
}

#[tokio::test]
async fn a_delivery_that_is_made_again_arrives_again() {
    let bench = Bench::new().await;
    let (all, one) = (delivery("72d3162e", 1), delivery_to("web", "72d3162e"));
    for _ in 0..2 {
        bench.queue.send(vec![all.clone(), one.clone()]).await.unwrap();
    }
    let mut arrived: Vec<Message> = bench.commands().await.into_iter().map(|it| it.message).collect();
    arrived.sort_by_key(|message| *message == one);
    assert_eq!(arrived, [all.clone(), all, one.clone(), one], "what it starts now, it did not start before");
}

fn delivery_to(pipeline: &str, id: &str) -> Message {
    match delivery(id, 1) {
        Message::Delivery { delivery, event, .. } => {
            Message::Delivery { delivery, event, pipeline: Some(name(pipeline)) }
        }
        other @ (Message::Command { .. } | Message::Debt { .. }) => other,
    }
}

fn only(mut arrived: Vec<Arrived>) -> Message {
    assert_eq!(arrived.len(), 1, "{arrived:?}");
    arrived.remove(0).message
}

#[tokio::test]
async fn many_commands_arrive_in_order() {
    let bench = Bench::new().await;
    let sent: Vec<Message> = (0..25).map(|number| wake_up(&format!("wake-{number}"))).collect();
    bench.queue.send(sent.clone()).await.unwrap();
    let arrived: Vec<Message> = bench.commands().await.into_iter().map(|arrived| arrived.message).collect();
    assert_eq!(arrived, sent);
}

#[tokio::test]
async fn a_delivery_that_is_too_large_travels_through_the_bucket() {
    let bench = Bench::new().await;
    let large = delivery("too-large", 12_000);
    bench.queue.send(vec![large.clone()]).await.unwrap();
    let arrived = bench.commands().await;
    assert!(arrived[0].body.len() < 200, "{}", arrived[0].body);
    assert_eq!(arrived[0].group.as_deref(), Some("acme/web"));
    assert_eq!(only(arrived), large);
    let without = SqsQueue::new(&faults().sdk(), bench.urls.clone());
    let refused = without.send(vec![large]).await.unwrap_err();
    assert!(!refused.retryable && refused.message.contains("no bucket"), "{refused}");
}

#[tokio::test]
async fn what_is_no_message_is_refused_for_good() {
    let bench = Bench::new().await;
    for body in ["", "{", r#"{"stored":"web/p-1/Out.zip"}"#, r#"{"stored":"deliveries/none.json"}"#] {
        let refused = bench.queue.receive(body).await.unwrap_err();
        assert!(!refused.retryable, "{body}: {refused}");
    }
    let none = SqsQueue::new(&faults().sdk(), QueueUrls::default());
    let refused = none.send(vec![owed(Category::Build)]).await.unwrap_err();
    assert!(!refused.retryable && refused.message.contains("ACTION_QUEUE_URL"), "{refused}");
}

#[tokio::test]
async fn whatever_fails_everything_arrives_and_commands_once() {
    let (faults, bench) = (faults(), Bench::new().await);
    let queue = bench.over(&faults.sdk());
    every_fault(&faults, async |case| {
        let (command, push) = (fresh("wake"), fresh("delivery"));
        let once = [wake_up(&command), delivery(&push, 12_000)];
        let sent = [once.to_vec(), vec![owed(Category::Source), owed(Category::Deploy)]].concat();
        let requests = AtomicUsize::new(0);
        let send = async || {
            requests.fetch_add(1, Ordering::Relaxed);
            queue.send(sent.clone()).await
        };
        faults.until_done(send).await;
        let mut arrived: BTreeMap<usize, usize> = BTreeMap::new();
        for message in bench.all().await {
            let place = sent.iter().position(|sent| *sent == message.message);
            *arrived.entry(place.unwrap()).or_default() += 1;
        }
        assert_eq!(arrived.len(), sent.len(), "{case}: nothing is lost");
        assert_eq!(arrived[&0], 1, "{case}: a command arrives once");
        let requests = requests.into_inner();
        assert!(arrived[&1] <= requests, "{case}: a delivery arrives once for each of {requests} requests");
    })
    .await;
}

#[tokio::test]
async fn whatever_fails_a_stored_message_is_read_whole() {
    let (faults, bench) = (faults(), Bench::new().await);
    let (queue, large) = (bench.over(&faults.sdk()), delivery("stored", 12_000));
    bench.queue.send(vec![large.clone()]).await.unwrap();
    let body = bench.commands().await.remove(0).body;
    every_fault(&faults, async |case| {
        assert_eq!(faults.until_done(async || queue.receive(&body).await).await, large, "{case}");
    })
    .await;
}

/// What lies in a queue, with whether it says that it has waited.
async fn lying(client: &Client, url: &str) -> Vec<(String, String, bool)> {
    let receive = client.receive_message().queue_url(url).max_number_of_messages(10);
    let receive = receive.message_system_attribute_names(MessageSystemAttributeName::All);
    let received = receive.message_attribute_names("All").send().await.unwrap();
    let messages = received.messages().iter().map(|message| {
        let group = message.attributes().unwrap()[&MessageSystemAttributeName::MessageGroupId].clone();
        let has_waited = message.message_attributes().is_some_and(|all| all.contains_key(WAITED));
        (group, message.body().unwrap().to_owned(), has_waited)
    });
    messages.collect()
}

#[tokio::test]
async fn whatever_fails_a_message_goes_among_the_dead_letters_once_each_time() {
    let (client, faults) = (Client::new(faults().sdk().config()), faults());
    every_fault(&faults, async |case| {
        let url = create(&client, true).await;
        let dead = CommandDeadLetters::new(&faults.sdk(), url.clone());
        let newer = r#"{"schema":99}"#;
        let at = |id| Arrival {
            id,
            group: "web",
            body: newer,
            sent_at: Timestamp(0),
            receives: 5,
            has_waited: false,
            follows: false,
        };
        faults.until_done(async || dead.put(&at("first")).await).await;
        dead.put(&at("first")).await.unwrap();
        let expected = ("web".to_owned(), newer.to_owned(), true);
        assert_eq!(lying(&client, &url).await, [expected], "{case}");
        // A redrive has brought it, and it comes again at once.
        client.purge_queue().queue_url(&url).send().await.unwrap();
        dead.put(&at("second")).await.unwrap();
        assert_eq!(lying(&client, &url).await.len(), 1, "{case}: it is not taken for the one before");
    })
    .await;
}
