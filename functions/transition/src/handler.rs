//! From an event to commands, and back to what becomes of its messages.

use std::fmt::Display;
use std::panic::AssertUnwindSafe;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
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
use penstock_aws::queue::{Arrival, CommandDeadLetters, GaveWay, SqsQueue, Tries, WAITED};
use penstock_aws::telemetry::{Metrics, Unit, count_failure};
use penstock_model::time::Timestamp;
use serde::{Deserialize, Serialize};

/// How long a note about a try may take. For the last one, that it has ended, this is left of the function's time.
const NOTE: Duration = Duration::from_secs(6);
/// What is left of the function's time besides, for its answer.
const SPARE: Duration = Duration::from_secs(2);
/// How often a wake-up is tried: it may have written the state and not sent what follows from it.
const WAKE_UPS: u32 = 3;

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

/// What reads the bodies of messages.
#[async_trait]
pub(crate) trait Mailbox: Send + Sync {
    /// As [`SqsQueue::receive`].
    async fn receive(&self, body: &str) -> Result<Message, PortError>;
}

#[async_trait]
impl Mailbox for SqsQueue {
    async fn receive(&self, body: &str) -> Result<Message, PortError> {
        SqsQueue::receive(self, body).await
    }
}

/// Where messages go that have held up others for long enough.
#[async_trait]
pub(crate) trait Letters: Send + Sync {
    /// Puts `message` there.
    async fn put(&self, message: &Arrival<'_>) -> Result<(), PortError>;
}

#[async_trait]
impl Letters for CommandDeadLetters {
    async fn put(&self, message: &Arrival<'_>) -> Result<(), PortError> {
        CommandDeadLetters::put(self, message).await
    }
}

/// Carries out what the function is given.
pub(crate) struct Handler {
    pub(crate) commands: Arc<dyn Commands>,
    pub(crate) deliveries: Deliveries,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) mailbox: Arc<dyn Mailbox>,
    pub(crate) dead_letters: Box<dyn Letters>,
    pub(crate) tries: Arc<dyn Tries>,
    pub(crate) gave_way: GaveWay,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Handler {
    /// Answers a call; tells which messages are to be delivered again. The function is ended at `until`.
    pub(crate) async fn handle(&self, input: Input, until: Timestamp) -> Result<Output, Error> {
        match input {
            Input::Call(call) => Ok(Output::Answer(call.make(self.commands.as_ref()).await)),
            Input::Messages(event) => Ok(Output::Failures(self.messages(event, until).await)),
        }
    }

    /// Once one fails, those behind it are not taken up: their order is kept.
    async fn messages(&self, event: SqsEvent, until: Timestamp) -> SqsBatchResponse {
        let mut response = SqsBatchResponse::default();
        for message in event.records {
            let failed = !response.batch_item_failures.is_empty() || !self.message(&message, until).await;
            if failed {
                response.add_failure(message.message_id.unwrap_or_default());
            }
        }
        response
    }

    /// Whether the message is done with. From the third time on that it comes its tries are noted: of one that ends the
    /// function, by its time or its memory, nobody else tells.
    async fn message(&self, message: &SqsMessage, until: Timestamp) -> bool {
        let Some(arrival) = self.arrival(message).filter(Arrival::is_noted) else {
            return self.take_in_time(message, false, until).await;
        };
        let broken_off = match in_time(self.tries.broken_off(arrival.id)).await {
            Ok(broken_off) if arrival.is_deadly(broken_off) => {
                let why = "it ended the function in each try, by its time or its memory";
                return self.bury(&arrival, &why).await;
            }
            Ok(broken_off) => broken_off,
            Err(error) if error.retryable => return self.give_way(message, &error).await,
            Err(error) => {
                tracing::error!(%error, "earlier tries are not known");
                0
            }
        };
        match in_time(self.tries.begin(arrival.id, broken_off)).await {
            Ok(()) => {}
            Err(error) if error.retryable => {
                // It may have been noted all the same, and is none that was broken off.
                self.note_end(&arrival, broken_off).await;
                return self.give_way(message, &error).await;
            }
            // The right to note it is missing: what is to be done may need another.
            Err(error) => tracing::error!(%error, "a try is not noted"),
        }
        let is_done = self.take_in_time(message, broken_off > 0, until).await;
        self.note_end(&arrival, broken_off).await;
        is_done
    }

    async fn note_end(&self, arrival: &Arrival<'_>, broken_off: u32) {
        if let Err(error) = in_time(self.tries.end(arrival.id, broken_off)).await {
            tracing::warn!(%error, "that a try has ended is not noted");
        }
    }

    /// Breaks it off before the function is ended: what waits for a slow answer is no reason to give the message up.
    async fn take_in_time(&self, message: &SqsMessage, broken_off: bool, until: Timestamp) -> bool {
        let left = until.since(self.clock.now()).saturating_sub(NOTE + SPARE);
        match tokio::time::timeout(left, self.take(message, broken_off)).await {
            Ok(is_done) => is_done,
            Err(_) => {
                let error = PortError::transient("carry out a message in the time that the function has");
                self.give_way(message, &error).await
            }
        }
    }

    async fn take(&self, message: &SqsMessage, broken_off: bool) -> bool {
        let body = message.body.as_deref().unwrap_or_default();
        let received = match self.mailbox.receive(body).await {
            Ok(received) => received,
            Err(error) if error.retryable => return self.give_way(message, &error).await,
            Err(error) => return self.put_aside(body, &error.message).await,
        };
        let wake_ups = is_wake_up(&received).then(|| number(message, "ApproximateReceiveCount").unwrap_or(1));
        if wake_ups.is_some_and(|tries| tries > WAKE_UPS) {
            tracing::warn!(message = message.message_id, "a wake-up that failed is left to the next sweep");
            return true;
        }
        match AssertUnwindSafe(self.carry_out(received, body, broken_off)).catch_unwind().await {
            Ok(Ok(())) => {
                if let Some(latency) = latency(message, self.clock.now()) {
                    latency.emit();
                }
                true
            }
            Ok(Err(error)) if wake_ups.is_some() && has_written_nothing(&error) => {
                // The sweeper sends the next in a minute. Waiting, they would be thousands after a day.
                tracing::warn!(%error, message = message.message_id, "a wake-up is left to the next sweep");
                count_failure(self.clock.now());
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

    /// A delivery that was broken off is given to each pipeline apart, so that the one that ails it holds up no other. One
    /// that failed otherwise is tried again as it is: apart, later ones could overtake it.
    async fn carry_out(&self, message: Message, body: &str, broken_off: bool) -> Result<(), AppError> {
        match message {
            Message::Command { command } if matches!(command.request, Request::Start { .. }) => {
                self.deliveries.start_of_machine(command).await
            }
            Message::Command { command } => self.commands.carry_out(command).await.map(drop),
            Message::Delivery { delivery, event, pipeline: None } if broken_off => {
                tracing::warn!(%delivery, "a delivery is given to each pipeline by itself");
                self.deliveries.deliver_apart(&delivery, &event).await
            }
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
        let Some(arrival) = self.arrival(message).filter(|arrival| arrival.is_overdue(error, now)) else {
            let group = message.attributes.get("MessageGroupId");
            tracing::warn!(%error, group, message = message.message_id, "a message is delivered again");
            count_failure(now);
            return false;
        };
        let is_buried = self.bury(&arrival, error).await;
        if is_buried {
            self.gave_way.note(arrival.group, now);
        }
        is_buried
    }

    /// Whether the message is among the dead letters.
    async fn bury(&self, arrival: &Arrival<'_>, why: &dyn Display) -> bool {
        let group = arrival.group;
        match self.dead_letters.put(arrival).await {
            Ok(()) => {
                tracing::error!(%why, group, message = arrival.id, "a message goes among the dead letters; mend what it says, and `penstock redrive` brings it back");
                true
            }
            Err(error) => {
                tracing::error!(%error, group, message = arrival.id, "a message could not be put among the dead letters");
                false
            }
        }
    }

    /// The message as its queue tells of it.
    fn arrival<'a>(&self, message: &'a SqsMessage) -> Option<Arrival<'a>> {
        let group = message.attributes.get("MessageGroupId")?;
        Some(Arrival {
            id: message.message_id.as_deref()?,
            group,
            body: message.body.as_deref()?,
            sent_at: Timestamp(number(message, "SentTimestamp")?),
            receives: number(message, "ApproximateReceiveCount")?,
            has_waited: message.message_attributes.contains_key(WAITED),
            follows: self.gave_way.lately(group, self.clock.now()),
        })
    }
}

/// From sending the message to the end of its transition, which is `now`.
fn latency(message: &SqsMessage, now: Timestamp) -> Option<Metrics> {
    let sent = number::<i64>(message, "SentTimestamp")?;
    #[expect(clippy::cast_precision_loss, reason = "a latency is far below 2^52 milliseconds")]
    let latency = (now.0 - sent) as f64;
    Some(Metrics::new(now.0).with("TransitionLatency", Unit::Milliseconds, latency))
}

/// What `noted` comes to; it passes, if it takes long.
async fn in_time<T>(noted: impl Future<Output = Result<T, PortError>>) -> Result<T, PortError> {
    let noted = tokio::time::timeout(NOTE, noted).await;
    noted.unwrap_or_else(|_| Err(PortError::transient("note the tries of a message: it takes too long")))
}

/// Whether it is a wake-up: nothing is lost with it, as what is due is found again.
fn is_wake_up(message: &Message) -> bool {
    match message {
        Message::Command { command } => command.request == Request::WakeUp,
        Message::Debt { .. } | Message::Delivery { .. } => false,
    }
}

/// Whether it failed before anything was written: an item of a newer release was not read, or others were faster.
fn has_written_nothing(error: &AppError) -> bool {
    match error {
        AppError::Port(error) => error.is_of_a_newer_release(),
        AppError::Busy(_) => true,
        AppError::NotFound(_) | AppError::Refused(_) | AppError::Rejected(_) => false,
    }
}

fn number<T: FromStr>(message: &SqsMessage, attribute: &str) -> Option<T> {
    message.attributes.get(attribute)?.parse().ok()
}

#[cfg(test)]
mod tests;
