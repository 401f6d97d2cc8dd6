//! What executions cost: the counted requests at the prices of [`crate::prices`].

use std::collections::BTreeSet;
use std::fmt;

use crate::logs::Invocation;
use crate::prices;
use crate::report::Counted;

/// Dollars of 1,000 executions, by what they are paid for.
pub(crate) struct Cost(Vec<(&'static str, f64)>);

impl Cost {
    /// Of executions that come so seldom that each begins anew: functions start, and what topics are encrypted with is asked for.
    pub(crate) fn by_itself(counted: &Counted) -> Self {
        let Self(mut parts) = Self::of(counted);
        let functions: BTreeSet<&str> = counted.invocations.iter().map(|it| it.function.as_str()).collect();
        let starts: f64 = functions.into_iter().map(prices::second).sum();
        parts.push(("Lambda starts", starts * prices::START_SECONDS));
        parts.push(("KMS", 2.0 * counted.calls("SNS.Publish") * prices::KEY_REQUEST));
        Self(parts)
    }

    pub(crate) fn of(counted: &Counted) -> Self {
        let access = http_requests(counted) * prices::ACCESS_BYTES;
        let logs = (counted.per_execution(counted.invocations.iter().map(|it| it.bytes)) + access) / 1e9;
        Self(vec![
            ("Lambda requests", counted.requests() * prices::INVOCATION),
            ("Lambda duration", duration(counted)),
            ("DynamoDB writes", counted.units().write * prices::WRITE_UNIT),
            ("DynamoDB reads", counted.units().read * prices::READ_UNIT),
            ("SQS", queues(counted)),
            ("SNS", counted.calls("SNS.Publish") * prices::PUBLICATION),
            ("S3", s3(counted)),
            ("HTTP API", http_requests(counted) * prices::HTTP_REQUEST),
            ("Secrets Manager", counted.calls_of("Secrets Manager.") * prices::SECRET_CALL),
            ("CloudWatch Logs", logs * prices::LOG_GB),
        ])
    }

    pub(crate) fn total(&self) -> f64 {
        self.0.iter().map(|(_, dollars)| dollars * 1000.0).sum()
    }
}

fn duration(counted: &Counted) -> f64 {
    let billed = |invocation: &Invocation| {
        let calls: f64 = invocation.calls.iter().map(|call| prices::seconds(call)).sum();
        (prices::OWN_SECONDS + calls) * prices::second(&invocation.function)
    };
    let invocations: f64 = counted.invocations.iter().map(billed).sum();
    // Of an execution with one source; its commit is pending and succeeds.
    let git_hub = prices::ARCHIVE_SECONDS * prices::second("artifact")
        + 2.0 * prices::STATUS_SECONDS * prices::second("notification");
    invocations / counted.executions() + git_hub
}

/// Sending as it was counted; each message is received and deleted.
fn queues(counted: &Counted) -> f64 {
    let fifo = counted.queued_commands();
    let standard = counted.of("action") + counted.of("artifact");
    let (to_fifo, to_standard) = counted.sends();
    (to_fifo + 2.0 * fifo) * prices::FIFO_REQUEST + (to_standard + 2.0 * standard) * prices::QUEUE_REQUEST
}

fn s3(counted: &Counted) -> f64 {
    let reads = counted.calls_of("S3.Get") + counted.calls_of("S3.Head");
    (counted.calls_of("S3.") - reads) * prices::S3_PUT + reads * prices::S3_GET
}

/// GitHub's, and the approver's two.
fn http_requests(counted: &Counted) -> f64 {
    counted.of("webhook") + counted.of("approval") + counted.of("api")
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| of 1,000 executions | dollars |\n|---|---|")?;
        for (what, dollars) in &self.0 {
            writeln!(f, "| {what} | {:.4} |", dollars * 1000.0)?;
        }
        writeln!(f, "| **together** | **{:.3}** |", self.total())
    }
}
