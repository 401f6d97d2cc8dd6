//! What a month costs in which nothing happens, worked out from what runs and exists all the same; storage apart.

use std::fmt;

use crate::prices;

/// Thirty days.
const MINUTES: f64 = 30.0 * 24.0 * 60.0;
/// Long polls of 20 seconds that Lambda keeps open to a queue, and how many it makes in a minute ("Estimating cost for Amazon
/// SQS message processing using AWS Lambda", AWS Compute Blog: five at first).
const POLLS: f64 = 5.0 * 3.0;
/// Queues with a function: those of actions, sources and of what could not be told, and that of commands.
const STANDARD_QUEUES: f64 = 3.0;
const FIFO_QUEUES: f64 = 1.0;
/// What a sweep asks that finds nothing: the shards of the index, when the bucket was cleaned up last, and how deep the dead
/// letters lie.
const QUERIES: f64 = 9.0;
const DEPTHS: f64 = 7.0;
/// What a sweep logs, Lambda's own lines included.
const LOG_BYTES: f64 = 1_000.0;
/// The two that the stack makes.
const SECRETS: f64 = 2.0;
/// `OldestDebtAge` and `DeadLetters`, which the sweeper measures; the others cost nothing while nothing happens.
const METRICS: f64 = 2.0;
/// Those of the template; a test counts them.
const ALARMS: f64 = 27.0;

/// Dollars of a month, by what they are paid for.
pub(crate) struct Idle(Vec<(&'static str, f64)>);

impl Idle {
    pub(crate) fn month() -> Self {
        let polling = STANDARD_QUEUES * prices::QUEUE_REQUEST + FIFO_QUEUES * prices::FIFO_REQUEST;
        Self(vec![
            ("polling four queues", MINUTES * POLLS * polling),
            ("the sweeper", MINUTES * sweep()),
            ("two secrets", SECRETS * prices::SECRET_MONTH),
            ("two metrics of its own", METRICS * prices::METRIC_MONTH),
            ("alarms, with `Alarms=true`", ALARMS * prices::ALARM_MONTH),
        ])
    }
}

fn sweep() -> f64 {
    let seconds =
        prices::OWN_SECONDS + prices::seconds("DynamoDB.Query") + prices::seconds("SQS.GetQueueAttributes");
    // A read of the index that finds nothing is half a unit.
    let reads = QUERIES * 0.5 * prices::READ_UNIT;
    let logs = LOG_BYTES / 1e9 * prices::LOG_GB;
    prices::SCHEDULED
        + prices::INVOCATION
        + seconds * prices::second("sweeper")
        + reads
        + DEPTHS * prices::QUEUE_REQUEST
        + logs
}

impl fmt::Display for Idle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| of a month in which nothing happens | dollars |\n|---|---|")?;
        for (what, dollars) in &self.0 {
            writeln!(f, "| {what} | {dollars:.2} |")?;
        }
        let total: f64 = self.0.iter().map(|(_, dollars)| dollars).sum();
        writeln!(f, "| **together** | **{total:.2}** |")
    }
}
