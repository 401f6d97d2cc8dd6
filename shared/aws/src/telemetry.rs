//! Logs and metrics of a function: JSON lines on standard output, metrics in the embedded metric format.
//!
//! Source of the format: Amazon `CloudWatch` user guide, "Specification: Embedded metric format".

use std::io;
use std::str::FromStr;

use penstock_app::engine::event::Event;
use penstock_model::id::AttemptId;
use penstock_model::time::Timestamp;
use serde_json::{Map, Value, json};
use tracing::{Level, Subscriber};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::environment::optional;

/// The variable that says what is logged, such as `info,penstock::calls=debug`.
const FILTER: &str = "PENSTOCK_LOG";
/// The variable that names the installation: the first dimension of every metric.
const STACK: &str = "STACK_NAME";
/// The namespace of our metrics.
const NAMESPACE: &str = "Penstock";

/// Sends all logs of this process to standard output, as JSON.
pub fn log() {
    lines(&std::env::var(FILTER).unwrap_or_default(), io::stdout).init();
}

/// Writes logs as lines of JSON; `filter` says which, as the variable `PENSTOCK_LOG` does.
///
/// A line has the fields of its event and, under `span`, those of what it belongs to: the work that is owed, or the
/// invocation. The list of all spans would repeat them, and logs are paid for by size.
pub fn lines<W>(filter: &str, writer: W) -> impl Subscriber + Send + Sync + use<W>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let filter = Some(filter).filter(|text| !text.is_empty()).and_then(|text| Targets::from_str(text).ok());
    let filter = filter.unwrap_or_else(|| Targets::new().with_default(Level::INFO));
    let lines = tracing_subscriber::fmt::layer().json().flatten_event(true).with_span_list(false);
    tracing_subscriber::registry().with(filter).with(lines.with_ansi(false).with_writer(writer))
}

/// The attempt that `events` are about, if they are about one and no other: its ids are fields of the line that tells of them.
pub fn only_attempt<'a>(events: impl IntoIterator<Item = &'a Event>) -> Option<&'a AttemptId> {
    let mut attempts = events.into_iter().filter_map(|event| event.fact.attempt());
    let first = attempts.next()?;
    attempts.all(|attempt| attempt == first).then_some(first)
}

/// Counts a message that is handed back or put aside: to Lambda it is no error, so one alarm watches this.
pub fn count_failure(now: Timestamp) {
    Metrics::new(now.0).with("Failures", Unit::Count, 1.0).emit();
}

/// A metric's unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// A number of things.
    Count,
    /// A time.
    Milliseconds,
    /// A time.
    Seconds,
}

impl Unit {
    fn name(self) -> &'static str {
        match self {
            Self::Count => "Count",
            Self::Milliseconds => "Milliseconds",
            Self::Seconds => "Seconds",
        }
    }
}

/// Some metrics measured at one moment, under the same dimensions.
#[derive(Debug, Clone)]
pub struct Metrics {
    at_ms: i64,
    dimensions: Vec<(&'static str, String)>,
    values: Vec<(&'static str, Unit, f64)>,
}

impl Metrics {
    /// Metrics of the moment `at_ms`, in milliseconds since 1970.
    pub fn new(at_ms: i64) -> Self {
        let stack = optional(STACK).map(|stack| ("Stack", stack));
        Self { at_ms, dimensions: stack.into_iter().collect(), values: vec![] }
    }

    /// Under a further dimension.
    #[must_use]
    pub fn of(mut self, dimension: &'static str, value: impl Into<String>) -> Self {
        self.dimensions.push((dimension, value.into()));
        self
    }

    /// With a further value.
    #[must_use]
    pub fn with(mut self, name: &'static str, unit: Unit, value: f64) -> Self {
        self.values.push((name, unit, value));
        self
    }

    /// Writes them, as one line.
    pub fn emit(self) {
        println!("{}", self.line());
    }

    /// The line that is written.
    pub fn line(&self) -> Value {
        let names: Vec<&str> = self.dimensions.iter().map(|(name, _)| *name).collect();
        let metrics: Vec<Value> =
            self.values.iter().map(|(name, unit, _)| json!({"Name": name, "Unit": unit.name()})).collect();
        let mut line = Map::new();
        line.insert(
            "_aws".to_owned(),
            json!({
                "Timestamp": self.at_ms,
                "CloudWatchMetrics": [{"Namespace": NAMESPACE, "Dimensions": [names], "Metrics": metrics}],
            }),
        );
        line.extend(self.dimensions.iter().map(|(name, value)| ((*name).to_owned(), json!(value))));
        line.extend(self.values.iter().map(|(name, _, value)| ((*name).to_owned(), json!(value))));
        Value::Object(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_one_line_of_the_embedded_format() {
        let line =
            Metrics::new(5).of("Outcome", "Failed").with("DeadLetters", Unit::Count, 2.0).line().to_string();
        assert_eq!(
            line,
            r#"{"DeadLetters":2.0,"Outcome":"Failed","_aws":{"CloudWatchMetrics":[{"Dimensions":[["Outcome"]],"Metrics":[{"Name":"DeadLetters","Unit":"Count"}],"Namespace":"Penstock"}],"Timestamp":5}}"#
        );
    }
}
