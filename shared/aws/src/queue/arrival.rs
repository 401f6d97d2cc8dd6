//! Messages that a person has to mend something for, such as a right, or the release after a roll-back: each waits at the
//! head of its group, but not for ever. One that has waited long enough goes among the dead letters, so that those behind
//! it go on; a redrive tries it again.

use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::BuildError;
use aws_sdk_sqs::types::MessageAttributeValue;
use penstock_app::port::PortError;
use penstock_model::time::Timestamp;

use super::wire::is_newer;
use crate::error::port_error;
use crate::sdk::Sdk;

/// The attribute of a message that has been among the dead letters for this reason: if a redrive brings it and
/// nothing was mended, it holds up nobody a second time.
pub const WAITED: &str = "penstock.waited";
/// For how long a message holds up those behind it; an update of a stack takes minutes.
pub(super) const PATIENCE: Duration = Duration::from_secs(60 * 60);
/// How often it was received by then, at least: behind others it may be older when it is first seen, and three minutes later
/// a right may have taken effect.
const RECEIVES: u32 = 2;
/// From which time on that it is received its tries are noted: few fail at all.
const NOTED: u32 = 3;
/// How often it may break off the function in a noted try.
const BREAKS: u32 = 3;

/// A message of the FIFO queue as it was received.
#[derive(Debug, Clone, Copy)]
pub struct Arrival<'a> {
    /// SQS's id of it.
    pub id: &'a str,
    /// Its group.
    pub group: &'a str,
    /// What it says.
    pub body: &'a str,
    /// When it was sent, or moved back from the dead letters.
    pub sent_at: Timestamp,
    /// How often it was received since.
    pub receives: u32,
    /// Whether it has the attribute [`WAITED`].
    pub has_waited: bool,
    /// Whether one before it in its group went among the dead letters lately.
    pub follows: bool,
}

impl Arrival<'_> {
    /// Whether it has held up those behind it long enough for `error`. What passes by itself, however long it takes, is
    /// waited for: behind what was sent later, a command would meet another state.
    pub fn is_overdue(&self, error: &PortError, now: Timestamp) -> bool {
        let has_waited = self.receives >= RECEIVES && self.sent_at.plus(PATIENCE) <= now;
        (!error.retryable || is_newer(self.body)) && (self.has_waited || self.follows || has_waited)
    }

    /// Whether its tries are noted: it came back, and nobody knows whether the function told why or was ended.
    pub fn is_noted(&self) -> bool {
        self.has_waited || self.receives >= NOTED
    }

    /// Whether it goes among the dead letters untried, as it has broken off the function so often: of what takes all its time
    /// or memory nobody is left to tell. With the visibility of three minutes that is after a quarter of an hour.
    pub fn is_deadly(&self, broken_off: u32) -> bool {
        broken_off >= if self.has_waited { 1 } else { BREAKS }
    }
}

/// The dead letters of the FIFO queue.
#[derive(Debug, Clone)]
pub struct CommandDeadLetters {
    client: Client,
    url: String,
}

impl CommandDeadLetters {
    /// Those at `url`.
    pub fn new(sdk: &Sdk, url: String) -> Self {
        let config = aws_sdk_sqs::config::Builder::from(sdk.config()).interceptor(sdk.interceptor());
        Self { client: Client::from_conf(config.build()), url }
    }

    /// Puts `message` there. Whoever has received it may acknowledge it then.
    ///
    /// # Errors
    /// If it may not have got there; again, it gets there once.
    pub async fn put(&self, message: &Arrival<'_>) -> Result<(), PortError> {
        let failed = |error: BuildError| PortError::permanent(format!("mark a message: {error}"));
        let waited = MessageAttributeValue::builder().data_type("String").string_value("true").build();
        let sent = self
            .client
            .send_message()
            .queue_url(&self.url)
            .message_body(message.body)
            .message_group_id(message.group)
            // Not the message's own deduplication id: back from a redrive within five minutes, it would be taken for what
            // lay here before, and lost. A move gives it a new id.
            .message_deduplication_id(message.id)
            .message_attributes(WAITED, waited.map_err(failed)?);
        let sent = sent.send().await;
        sent.map(drop).map_err(|error| port_error("put a message among the dead letters", &error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;

    fn overdue(body: &str, receives: u32, has_waited: bool, after: i64) -> bool {
        overdue_by(&PortError::transient("wait"), body, receives, has_waited, after)
    }

    fn overdue_by(error: &PortError, body: &str, receives: u32, has_waited: bool, after: i64) -> bool {
        let sent_at = Timestamp(1_700_000_000_000);
        let arrival = Arrival { id: "1", group: "web", body, sent_at, receives, has_waited, follows: false };
        arrival.is_overdue(error, Timestamp(sent_at.0 + after))
    }

    #[test]
    fn what_is_newer_waits_for_an_update_but_not_for_ever() {
        let newer = r#"{"schema":99,"type":"unheard"}"#;
        assert!(!overdue(newer, 19, false, HOUR - 1), "an update is waited for");
        assert!(!overdue(newer, 1, false, 5 * HOUR), "after an outage too");
        assert!(
            overdue(newer, 2, false, HOUR),
            "those behind it are old when it gives way, and wait minutes"
        );
        assert!(overdue(newer, 1, true, 0), "once is enough");
    }

    #[test]
    fn a_refused_right_is_waited_for_but_not_for_ever() {
        let refused = PortError::permanent("write the state: AccessDeniedException");
        let body = r#"{"schema":1,"type":"command"}"#;
        assert!(!overdue_by(&refused, body, 19, false, HOUR - 1), "rights take effect after a while");
        assert!(overdue_by(&refused, body, 20, false, HOUR));
        assert!(overdue_by(&refused, body, 1, true, 0), "once is enough");
    }

    #[test]
    fn what_ends_the_function_is_tried_a_few_times() {
        let sent_at = Timestamp(1_700_000_000_000);
        let arrival = |receives, has_waited| Arrival {
            id: "1",
            group: "web",
            body: "{}",
            sent_at,
            receives,
            has_waited,
            follows: false,
        };
        assert!(!arrival(2, false).is_noted() && arrival(3, false).is_noted() && arrival(1, true).is_noted());
        assert!(!arrival(5, false).is_deadly(2) && arrival(6, false).is_deadly(3));
        assert!(arrival(2, true).is_deadly(1), "once is enough, after a redrive");
    }

    #[test]
    fn what_is_read_waits_as_long_as_it_takes() {
        for body in [r#"{"schema":1,"type":"command"}"#, "{}", "{"] {
            assert!(!overdue(body, 900, true, 50 * HOUR), "{body}");
        }
    }
}
