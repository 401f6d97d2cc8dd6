//! Tables of one's own on one emulator, and a laptop's worth of use cases over them.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use penstock_app::dispatch::Dispatch;
use penstock_app::engine::command::{Command, DefineMode, Request};
use penstock_app::engine::debt::Debt;
use penstock_app::engine::state::Execution;
use penstock_app::error::AppError;
use penstock_app::port::PortError;
use penstock_app::port::provider::Work;
use penstock_app::port::queue::Message;
use penstock_app::port::store::Store;
use penstock_app::transition::Transition;
use penstock_app::worker::Worker;
use penstock_aws::sdk::Sdk;
use penstock_aws::store::TableStore;
use penstock_aws::store::schema::create_table;
use penstock_model::id::{ExecutionId, PipelineName};
use penstock_model::pipeline::Pipeline;
use penstock_testkit::build::{command, name, start};
use penstock_testkit::emulator::{Emulator, MiniStack};
use penstock_testkit::fake::{Conduct, FakeProvider, FakeProviders, ManualClock, MemoryQueue};
use serde_json::{Value, json};

use crate::connector::Faults;

pub(crate) static EMULATOR: LazyLock<Emulator> = LazyLock::new(|| MiniStack::new().start());

/// How often time passes until an execution has to have ended.
const ROUNDS: u32 = 20;

/// For clients that meet no faults.
pub(crate) fn sdk() -> Sdk {
    Faults::over(&EMULATOR.url()).sdk()
}

/// The name of a table of one's own.
pub(crate) async fn table() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let name = format!("penstock-{}", COUNT.fetch_add(1, Ordering::Relaxed));
    create_table(&sdk(), &name).await.unwrap();
    name
}

/// A store on a table of its own.
pub(crate) async fn store() -> TableStore {
    let table = table().await;
    TableStore::new(&sdk(), &table)
}

/// A client for what no port shows.
pub(crate) fn raw() -> Client {
    Client::new(sdk().config())
}

/// All items of a table in DynamoDB's JSON, by key.
pub(crate) async fn items(table: &str) -> Vec<Value> {
    let pages = raw().scan().table_name(table).into_paginator().items().send();
    let mut items: Vec<Value> = pages.try_collect().await.unwrap().iter().map(to_json).collect();
    items.sort_by_key(|item| format!("{} {}", item["pk"], item["sk"]));
    items
}

/// Puts an item given in DynamoDB's JSON.
pub(crate) async fn put(table: &str, item: &Value) {
    raw().put_item().table_name(table).set_item(Some(from_json(item))).send().await.unwrap();
}

fn to_json(item: &HashMap<String, AttributeValue>) -> Value {
    Value::Object(item.iter().map(|(name, it)| (name.clone(), value_to_json(it))).collect())
}

fn value_to_json(value: &AttributeValue) -> Value {
    if let AttributeValue::S(text) = value {
        json!({ "S": text })
    } else if let AttributeValue::N(number) = value {
        json!({ "N": number })
    } else if let AttributeValue::Ss(texts) = value {
        json!({ "SS": texts })
    } else if let AttributeValue::L(values) = value {
        json!({ "L": values.iter().map(value_to_json).collect::<Value>() })
    } else {
        json!({ "B": STANDARD.encode(value.as_b().unwrap().as_ref()) })
    }
}

fn from_json(item: &Value) -> HashMap<String, AttributeValue> {
    item.as_object().unwrap().iter().map(|(name, it)| (name.clone(), value_from_json(it))).collect()
}

fn value_from_json(value: &Value) -> AttributeValue {
    let (kind, value) = value.as_object().unwrap().iter().next().unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    match kind.as_str() {
        "S" => AttributeValue::S(text(value)),
        "N" => AttributeValue::N(text(value)),
        "SS" => AttributeValue::Ss(value.as_array().unwrap().iter().map(text).collect()),
        "L" => AttributeValue::L(value.as_array().unwrap().iter().map(value_from_json).collect()),
        _ => AttributeValue::B(Blob::new(STANDARD.decode(text(value)).unwrap())),
    }
}

/// The only writer and a worker over one store, with a queue, a clock and a provider of their own.
pub(crate) struct Plant {
    pub(crate) store: TableStore,
    pub(crate) transition: Arc<Transition>,
    pub(crate) queue: Arc<MemoryQueue>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) provider: Arc<FakeProvider>,
    worker: Worker,
}

impl Plant {
    /// Builds run until they are looked at; everything else succeeds at once.
    pub(crate) fn new(store: TableStore) -> Self {
        let builds_run = |work: &Work| match work.action.action_type_id.provider.as_str() {
            "CodeBuild" => Conduct::Runs,
            _ => Conduct::Succeeds,
        };
        let (queue, clock) = (Arc::<MemoryQueue>::default(), Arc::<ManualClock>::default());
        let provider = Arc::new(FakeProvider::new(builds_run));
        let shared = Arc::new(store.clone());
        let transition = Arc::new(Transition::new(shared.clone(), queue.clone(), clock.clone()));
        let dispatch = Arc::new(Dispatch::new(
            transition.clone(),
            shared.clone(),
            shared.clone(),
            shared,
            Arc::new(FakeProviders::new(provider.clone())),
            clock.clone(),
        ));
        let worker = Worker::new(transition.clone(), dispatch);
        Self { store, transition, queue, clock, provider, worker }
    }

    pub(crate) async fn define(&self, pipeline: Pipeline) {
        let id = format!("define-{}", pipeline.name);
        self.transition.define(pipeline, DefineMode::Create, name(&id)).await.unwrap();
    }

    /// Starts an execution and brings it to its end.
    pub(crate) async fn run(&self, pipeline: &PipelineName, id: &str) -> Arc<Execution> {
        let (execution, start) = start(id, pipeline);
        self.queue.put(Message::Command { command: start });
        self.settle(pipeline, &execution).await.unwrap();
        self.store.execution(pipeline, &execution).await.unwrap().unwrap()
    }

    /// Handles messages, and lets time pass where nothing moves, until the execution has ended. After an error the
    /// same call goes on where it stood, as a queue that delivers again.
    pub(crate) async fn settle(
        &self,
        pipeline: &PipelineName,
        execution: &ExecutionId,
    ) -> Result<(), PortError> {
        for round in 0..ROUNDS {
            self.drain().await?;
            let found = self.store.execution(pipeline, execution).await?;
            if found.is_some_and(|execution| execution.status.is_terminal()) {
                return Ok(());
            }
            self.finish_builds();
            if self.queue.is_empty() {
                self.clock.advance(Duration::from_secs(61));
                let wake_up: Command = command(&format!("wake-up-{round}"), pipeline, Request::WakeUp);
                self.queue.put(Message::Command { command: wake_up });
            }
        }
        panic!("{execution} does not end");
    }

    /// Handles all messages.
    pub(crate) async fn drain(&self) -> Result<(), PortError> {
        while let Some(message) = self.queue.take() {
            if let Err(error) = self.worker.handle(message.clone()).await {
                self.queue.put(message);
                let AppError::Port(error) = error else { panic!("{error}") };
                return Err(error);
            }
        }
        Ok(())
    }

    /// Ends what runs, and has it looked at, as a provider's event does.
    fn finish_builds(&self) {
        for work in self.provider.running() {
            self.provider.finish(&work.attempt, FakeProvider::success(&work));
            let debt = Debt::Observe { attempt: work.attempt.clone() };
            let category = Some(work.action.action_type_id.category);
            self.queue.put(Message::Debt { pipeline: work.pipeline, category, debt });
        }
    }
}
