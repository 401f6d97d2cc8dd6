//! From an event to commands, and back to what becomes of its messages.

use std::panic::AssertUnwindSafe;
use std::str::FromStr;
use std::sync::Arc;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use futures_util::FutureExt;
use lambda_runtime::Error;
use penstock_app::delivery::Deliveries;
use penstock_app::engine::command::Request;
use penstock_app::error::AppError;
use penstock_app::port::PortError;
use penstock_app::port::clock::Clock;
use penstock_app::port::commands::{Call, CallAnswer, Commands};
use penstock_app::port::queue::Message;
use penstock_app::port::store::Store;
use penstock_aws::queue::{Arrival, CommandDeadLetters, SqsQueue, WAITED};
use penstock_aws::telemetry::{Metrics, Unit, count_failure};
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
    pub(crate) commands: Arc<dyn Commands>,
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
            Input::Call(call) => Ok(Output::Answer(call.make(self.commands.as_ref()).await)),
            Input::Messages(event) => Ok(Output::Failures(self.messages(event).await)),
        }
    }

    /// Once one fails, those behind it are not taken up: their order is kept.
    async fn messages(&self, event: SqsEvent) -> SqsBatchResponse {
        let mut response = SqsBatchResponse::default();
        for message in event.records {
            let failed = !response.batch_item_failures.is_empty() || !self.message(&message).await;
            if failed {
                response.add_failure(message.message_id.unwrap_or_default());
            }
        }
        response
    }

    /// Whether the message is done with.
    async fn message(&self, message: &SqsMessage) -> bool {
        let body = message.body.as_deref().unwrap_or_default();
        let received = match self.mailbox.receive(body).await {
            Ok(received) => received,
            Err(error) if error.retryable => return self.give_way(message, &error).await,
            Err(error) => return self.put_aside(body, &error.message).await,
        };
        match AssertUnwindSafe(self.carry_out(received, body)).catch_unwind().await {
            Ok(Ok(())) => {
                self.measure_latency(message);
                true
            }
            Ok(Err(error @ (AppError::Port(_) | AppError::Busy(_)))) => {
                let error = PortError { retryable: error.is_retryable(), message: error.to_string() };
                self.give_way(message, &error).await
            }
            Ok(Err(error @ AppError::Refused(_))) => {
                tracing::warn!(%error, message = message.message_id, "a pipeline that cannot be performed is not started");
                true
            }
            Ok(Err(error @ (AppError::Rejected(_) | AppError::NotFound(_)))) => {
                tracing::info!(%error, message = message.message_id, "a command was not accepted");
                true
            }
            Err(_) => self.put_aside(body, "carrying it out panicked; the log has the place").await,
        }
    }

    async fn carry_out(&self, message: Message, body: &str) -> Result<(), AppError> {
        match message {
            Message::Command { command } if matches!(command.request, Request::Start { .. }) => {
                self.deliveries.start_of_machine(command).await
            }
            Message::Command { command } => self.commands.carry_out(command).await.map(drop),
            Message::Delivery { delivery, event, pipeline } => {
                let answers = match &pipeline {
                    Some(pipeline) => {
                        self.deliveries.deliver_to(pipeline, &delivery, &event).await?.into_iter().collect()
                    }
                    None => self.deliveries.deliver(&delivery, &event).await?,
                };
                for answer in answers {
                    tracing::info!(%delivery, pipeline = %answer.name, execution = ?answer.execution(), started = answer.has_started(), reason = answer.reason(), "a delivery");
                }
                Ok(())
            }
            Message::Debt { .. } => {
                let reason = "work that is owed belongs in the queues of `action` and `artifact`";
                let is_done = self.put_aside(body, reason).await;
                if is_done { Ok(()) } else { Err(PortError::transient("put the message aside").into()) }
            }
        }
    }

    /// What can never be carried out must not block those behind it; it is kept for a person to look at.
    async fn put_aside(&self, body: &str, reason: &str) -> bool {
        match self.store.quarantine(body, reason).await {
            Ok(()) => {
                tracing::error!(reason, "a message was put aside");
                count_failure(self.clock.now());
                true
            }
            Err(error) => {
                tracing::error!(reason, %error, "a message could not be put aside");
                false
            }
        }
    }

    /// What fails is delivered again, before those behind it. What nobody but a person can mend, a refused right or a
    /// message of a newer release after a roll-back, holds them up for a while only.
    async fn give_way(&self, message: &SqsMessage, error: &PortError) -> bool {
        let now = self.clock.now();
        let overdue = arrival(message).filter(|arrival| arrival.is_overdue(error, now));
        let Some(arrival) = overdue else {
            let group = message.attributes.get("MessageGroupId");
            tracing::warn!(%error, group, message = message.message_id, "a message is delivered again");
            count_failure(now);
            return false;
        };
        let group = arrival.group;
        match self.dead_letters.put(&arrival).await {
            Ok(()) => {
                tracing::error!(%error, group, message = arrival.id, "a message goes among the dead letters; mend what it says, and `penstock redrive` brings it back");
                true
            }
            Err(error) => {
                tracing::error!(%error, group, message = arrival.id, "a message could not be put among the dead letters");
                false
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
