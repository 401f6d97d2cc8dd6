//! What a schedule of `EventBridge` says to whom it invokes.

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use penstock_model::time::Timestamp;

/// The time for which an invocation was scheduled, as `<aws.scheduler.scheduled-time>` stands in its input (`EventBridge`
/// Scheduler user guide, "Adding context attributes").
pub fn time(text: &str) -> Option<Timestamp> {
    DateTime::from_str(text, Format::DateTime).ok()?.to_millis().ok().map(Timestamp)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scheduled_time_is_read() {
        assert_eq!(time("2023-11-14T22:13:20Z"), Some(Timestamp(1_700_000_000_000)));
        assert_eq!(time("<aws.scheduler.scheduled-time>"), None);
    }
}
