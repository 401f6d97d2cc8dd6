//! An operation of this attempt on a stack, found in the stack's events by its token, and how it ended.
//!
//! Operations on a stack follow one another. Reading from the newest event backwards, the operation's end is therefore
//! the last end that was passed before its beginning, whoever brought it about, such as a cancellation by hand.

use std::ops::ControlFlow;

use super::status::{is_beginning, is_end};

/// What an event says, as far as it matters.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Event {
    pub(super) token: String,
    /// Whether it is about the stack itself.
    pub(super) is_stack: bool,
    pub(super) logical_id: String,
    pub(super) kind: String,
    pub(super) status: String,
    pub(super) reason: String,
}

/// An operation.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Operation {
    /// The status with which it ended; `None`: it has not.
    pub(super) end: Option<String>,
    /// The reason that the end gives.
    pub(super) reason: String,
    /// The first resource that failed, and why.
    pub(super) failed: Option<String>,
}

/// Reads events from the newest on.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    token: &'a str,
    seen: bool,
    operation: Operation,
}

impl<'a> Reader<'a> {
    /// Looks for the operation that was started under `token`.
    pub(super) fn new(token: &'a str) -> Self {
        Self { token, seen: false, operation: Operation::default() }
    }

    /// Takes the next older event; breaks at the operation's beginning.
    pub(super) fn take(&mut self, event: Event) -> ControlFlow<()> {
        let ours = event.token == self.token;
        self.seen |= ours;
        if event.is_stack {
            if ours && is_beginning(&event.status) {
                return ControlFlow::Break(());
            }
            if is_end(&event.status) {
                self.operation.end = Some(event.status);
                self.operation.reason = event.reason;
            }
        } else if ours && event.status.ends_with("_FAILED") && !event.reason.contains("cancelled") {
            self.operation.failed =
                Some(format!("`{}` ({}): {}", event.logical_id, event.kind, event.reason));
        }
        ControlFlow::Continue(())
    }

    /// The operation, if any event of it was seen.
    pub(super) fn found(self) -> Option<Operation> {
        self.seen.then_some(self.operation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(token: &str, what: &str, status: &str, reason: &str) -> Event {
        Event {
            token: token.to_owned(),
            is_stack: what == "stack",
            logical_id: what.to_owned(),
            kind: "AWS::S3::Bucket".to_owned(),
            status: status.to_owned(),
            reason: reason.to_owned(),
        }
    }

    /// `events` in the order in which they happened.
    fn read(events: &[Event]) -> Option<Operation> {
        let mut reader = Reader::new("ours");
        for event in events.iter().rev() {
            if reader.take(event.clone()).is_break() {
                break;
            }
        }
        reader.found()
    }

    #[test]
    fn the_first_failed_resource_is_named() {
        let operation = read(&[
            event("ours", "stack", "CREATE_IN_PROGRESS", "User Initiated"),
            event("ours", "Data", "CREATE_FAILED", "it exists already"),
            event("ours", "Logs", "CREATE_FAILED", "Resource creation cancelled"),
            event("ours", "stack", "ROLLBACK_IN_PROGRESS", ""),
            event("ours", "Other", "DELETE_FAILED", "not empty"),
            event("ours", "stack", "ROLLBACK_COMPLETE", ""),
        ])
        .unwrap();
        assert_eq!(operation.end.as_deref(), Some("ROLLBACK_COMPLETE"));
        assert_eq!(operation.failed.as_deref(), Some("`Data` (AWS::S3::Bucket): it exists already"));
    }

    #[test]
    fn others_operations_before_and_after_are_not_ours() {
        let before = [
            event("theirs", "stack", "UPDATE_IN_PROGRESS", ""),
            event("theirs", "Data", "UPDATE_FAILED", "x"),
            event("theirs", "stack", "UPDATE_ROLLBACK_COMPLETE", ""),
        ];
        assert_eq!(read(&before), None);
        let ours =
            [event("ours", "stack", "UPDATE_IN_PROGRESS", ""), event("ours", "stack", "UPDATE_COMPLETE", "")];
        let all = [&before[..], &ours, &before].concat();
        let operation = read(&all).unwrap();
        assert_eq!((operation.end.as_deref(), operation.failed), (Some("UPDATE_COMPLETE"), None));
    }

    #[test]
    fn an_end_by_another_hand_is_the_end() {
        let operation = read(&[
            event("ours", "stack", "UPDATE_IN_PROGRESS", ""),
            event("console", "stack", "UPDATE_ROLLBACK_IN_PROGRESS", "User Initiated"),
            event("console", "stack", "UPDATE_ROLLBACK_COMPLETE", ""),
        ]);
        assert_eq!(operation.unwrap().end.as_deref(), Some("UPDATE_ROLLBACK_COMPLETE"));
        let running = read(&[event("ours", "stack", "UPDATE_IN_PROGRESS", "")]).unwrap();
        assert_eq!(running.end, None);
    }
}
