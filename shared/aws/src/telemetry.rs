//! Logs and metrics of a function: JSON lines on standard output, metrics in the embedded metric format.
//!
//! Source of the format: Amazon `CloudWatch` user guide, "Specification: Embedded metric format".

use std::str::FromStr;

use penstock_model::time::Timestamp;
use serde_json::{Map, Value, json};
use tracing::Level;
use tracing_subscriber::filter::Targets;
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
    let filter = std::env::var(FILTER).ok().and_then(|text| Targets::from_str(&text).ok());
    let filter = filter.unwrap_or_else(|| Targets::new().with_default(Level::INFO));
    // The invocation is the only span; the list of spans would repeat it in every line, and logs are paid for by size.
    let lines =
        tracing_subscriber::fmt::layer().json().flatten_event(true).with_span_list(false).with_ansi(false);
    tracing_subscriber::registry().with(filter).with(lines).init();
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

    fn line(&self) -> Value {
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
