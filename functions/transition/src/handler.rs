//! From an event to commands, and back to what becomes of its messages.

use std::panic::AssertUnwindSafe;
use std::str::FromStr;
use std::sync::Arc;

use async_trait::async_trait;
use aws_lambda_events::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent, SqsMessage};
use futures_util::FutureExt;
use lambda_runtime::Error;
use penstock_app::delivery::Deliveries;
use penstock_app::engine::command::Command;
use penstock_app::engine::event::{Event, Fact};
use penstock_app::error::AppError;
use penstock_app::port::PortError;
use penstock_app::port::clock::Clock;
use penstock_app::port::commands::{Call, CallAnswer};
use penstock_app::port::queue::Message;
use penstock_app::port::repository::Repository;
use penstock_app::port::store::Store;
use penstock_app::transition::Transition;
use penstock_aws::queue::{Arrival, CommandDeadLetters, SqsQueue, WAITED};
use penstock_aws::telemetry::{Metrics, Unit};
use penstock_model::id::ExecutionId;
use penstock_model::time::Timestamp;
use serde::{Deserialize, Serialize};

/// What the function is given.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Input {
    /// A call of `api` or `approval`, which waits for the answer.
    Call(Box<Call>),
    /// Messages of the command queue.
    Messages(SqsEvent),
}

/// What the function answers.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum Output {
    /// To a call.
    Answer(CallAnswer),
    /// To messages: those that are to be delivered again.
    Failures(SqsBatchResponse),
}

/// Carries out what the function is given.
pub(crate) struct Handler {
    pub(crate) transition: Arc<Transition>,
    pub(crate) deliveries: Deliveries,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) mailbox: Arc<SqsQueue>,
    pub(crate) dead_letters: CommandDeadLetters,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Handler {
    /// Answers a call; tells which messages are to be delivered again.
    pub(crate) async fn handle(&self, input: Input) -> Result<Output, Error> {
        match input {
            Input::Call(call) => {
                let answer = call.make(self.transition.as_ref()).await;
                if let CallAnswer::Reply { reply } = &answer {
                    self.measure(&reply.events);
                }
                Ok(Output::Answer(answer))
            }
            Input::Messages(event) => Ok(Output::Failures(self.messages(event).await)),
        }
    }

    /// Once one fails, those behind it are not taken up: their order is kept.
    async fn messages(&self, event: SqsEvent) -> SqsBatchResponse {
        let mut response = SqsBatchResponse::default();
        for message in event.records {
            let failed = !response.batch_item_failures.is_empty() || !self.message(&message).await;
            if failed {
                let id = message.message_id.unwrap_or_default();
                let mut failure = BatchItemFailure::default();
                failure.item_identifier = id;
                response.batch_item_failures.push(failure);
            }
        }
        response
    }

    /// Whether the message is done with.
    async fn message(&self, message: &SqsMessage) -> bool {
        let body = message.body.as_deref().unwrap_or_default();
        let carried_out = AssertUnwindSafe(self.carry_out(body)).catch_unwind().await;
        let reason = match carried_out {
            Ok(Ok(())) => {
                self.measure_latency(message);
                return true;
            }
            Ok(Err(error)) if error.is_retryable() => return self.give_way(message, &error).await,
            Ok(Err(AppError::Port(error))) => error.message,
            Ok(Err(error)) => {
                tracing::info!(%error, "a command was not accepted");
                return true;
            }
            Err(_) => "carrying it out panicked; the log has the place".to_owned(),
        };
        self.put_aside(body, &reason).await
    }

    async fn carry_out(&self, body: &str) -> Result<(), AppError> {
        match self.mailbox.receive(body).await? {
            Message::Command { command } => self.command(command).await,
            Message::Delivery { delivery, event } => {
                let answers = self.deliveries.deliver(&delivery, &event).await?;
                for answer in answers {
                    tracing::info!(%delivery, pipeline = %answer.name, execution = ?answer.execution_id, started = answer.started, reason = answer.reason.as_deref(), "a delivery");
                }
                Ok(())
            }
            Message::Debt { .. } => Err(PortError::permanent(
                "take the message: work that is owed belongs in the queues of `action` and `artifact`",
            )
            .into()),
        }
    }

    async fn command(&self, command: Command) -> Result<(), AppError> {
        let (id, pipeline) = (command.id.clone(), command.pipeline.clone());
        let outcome = self.transition.carry_out(command).await?;
        if let Some(rejection) = &outcome.rejection {
            tracing::info!(command = %id, %pipeline, %rejection, "a command was not accepted");
        }
        for event in &outcome.events {
            tracing::info!(command = %id, %pipeline, event = kind(&event.fact), execution = event.fact.execution().map(ExecutionId::as_str), attempt = event.fact.attempt().map(tracing::field::display), "happened");
        }
        self.measure(&outcome.events);
        Ok(())
    }

    /// What can never be carried out must not block those behind it; it is kept for a person to look at.
    async fn put_aside(&self, body: &str, reason: &str) -> bool {
        match self.store.quarantine(body, reason).await {
            Ok(()) => {
                tracing::error!(reason, "a message was put aside");
                true
            }
            Err(error) => {
                tracing::error!(reason, %error, "a message could not be put aside");
                false
            }
        }
    }

    /// What fails for now is delivered again, before those behind it; but a message of a newer release, after a
    /// roll-back, does not hold them up until the next update.
    async fn give_way(&self, message: &SqsMessage, error: &AppError) -> bool {
        let now = self.clock.now();
        let Some(arrival) = arrival(message).filter(|arrival| arrival.is_overdue(now)) else {
            tracing::warn!(%error, "a message is delivered again");
            return false;
        };
        let group = arrival.group;
        match self.dead_letters.put(&arrival).await {
            Ok(()) => {
                tracing::error!(%error, group, "a message of a newer release goes among the dead letters; update the stack, and `penstock redrive` brings it back");
                Metrics::new(now.0).with("NewerMessages", Unit::Count, 1.0).emit();
                true
            }
            Err(error) => {
                tracing::error!(%error, group, "a message of a newer release could not be put among the dead letters");
                false
            }
        }
    }

    fn measure(&self, events: &[Event]) {
        for event in events {
            if let Fact::ExecutionEnded { status, .. } = &event.fact {
                Metrics::new(self.clock.now().0)
                    .of("Outcome", format!("{status:?}"))
                    .with("Executions", Unit::Count, 1.0)
                    .emit();
            }
        }
    }

    /// From sending the message to the end of its transition.
    fn measure_latency(&self, message: &SqsMessage) {
        if let Some(sent) = number::<i64>(message, "SentTimestamp") {
            let now = self.clock.now().0;
            #[expect(clippy::cast_precision_loss, reason = "a latency is far below 2^52 milliseconds")]
            Metrics::new(now).with("TransitionLatency", Unit::Milliseconds, (now - sent) as f64).emit();
        }
    }
}

/// The message as its queue tells of it.
fn arrival(message: &SqsMessage) -> Option<Arrival<'_>> {
    Some(Arrival {
        id: message.message_id.as_deref()?,
        group: message.attributes.get("MessageGroupId")?,
        body: message.body.as_deref()?,
        sent_at: Timestamp(number(message, "SentTimestamp")?),
        receives: number(message, "ApproximateReceiveCount")?,
        has_waited: message.message_attributes.contains_key(WAITED),
    })
}

fn number<T: FromStr>(message: &SqsMessage, attribute: &str) -> Option<T> {
    message.attributes.get(attribute)?.parse().ok()
}

/// What kind of event, as it is stored.
fn kind(fact: &Fact) -> String {
    let stored = serde_json::to_value(fact).unwrap_or_default();
    stored["type"].as_str().unwrap_or_default().to_owned()
}

/// On AWS no source means a working tree.
pub(crate) struct NoRepository;

#[async_trait]
impl Repository for NoRepository {
    async fn contains(&self, _commit: &str) -> Result<bool, PortError> {
        Ok(false)
    }
}
