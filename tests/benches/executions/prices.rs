//! AWS's prices in us-east-1, without free tiers, as of November 2025; and the durations that a bill depends on.
//!
//! From the services' pricing pages. A duration cannot be had from an emulator: what a function computes itself is measured
//! by the benchmark `functions` and is far below a millisecond; it waits for others, and for how long is assumed here,
//! generously.

/// Dollars a request to Lambda.
pub(crate) const INVOCATION: f64 = 0.20e-6;
/// Dollars a GB-second of Lambda on arm64.
pub(crate) const GB_SECOND: f64 = 0.000_013_333_4;
/// Dollars a write request unit of `DynamoDB`, on demand.
pub(crate) const WRITE_UNIT: f64 = 0.625e-6;
/// Dollars a read request unit.
pub(crate) const READ_UNIT: f64 = 0.125e-6;
/// Dollars a request to a FIFO queue; the polling of a Lambda trigger is charged as any other.
pub(crate) const FIFO_REQUEST: f64 = 0.50e-6;
/// Dollars a request to a standard queue.
pub(crate) const QUEUE_REQUEST: f64 = 0.40e-6;
/// Dollars a publication; deliveries to queues and functions are free.
pub(crate) const PUBLICATION: f64 = 0.50e-6;
/// Dollars a PUT, POST or LIST of S3 Standard.
pub(crate) const S3_PUT: f64 = 5e-6;
/// Dollars a GET or HEAD.
pub(crate) const S3_GET: f64 = 0.4e-6;
/// Dollars a request to an HTTP API.
pub(crate) const HTTP_REQUEST: f64 = 1e-6;
/// Dollars a GB of logs taken in.
pub(crate) const LOG_GB: f64 = 0.50;
/// Dollars a call of Secrets Manager.
pub(crate) const SECRET_CALL: f64 = 5e-6;

/// The memory of a function in GB, as the template sets it.
pub(crate) fn memory(function: &str) -> f64 {
    match function {
        "artifact" => 2.0,
        "action" | "notification" => 0.5,
        _ => 0.25,
    }
}

/// The seconds for which an invocation is billed besides its calls: its own work, and the runtime's.
pub(crate) const OWN_SECONDS: f64 = 0.002;
/// The seconds that GitHub takes to serve an archive, and to set a status.
pub(crate) const ARCHIVE_SECONDS: f64 = 0.5;
pub(crate) const STATUS_SECONDS: f64 = 0.2;

/// The seconds that a call takes.
pub(crate) fn seconds(call: &str) -> f64 {
    let (service, operation) = call.split_once('.').unwrap_or((call, ""));
    match (service, operation) {
        ("DynamoDB", "TransactWriteItems") => 0.015,
        ("DynamoDB", _) => 0.006,
        ("SQS", _) => 0.010,
        ("SNS", _) => 0.020,
        ("STS" | "Secrets Manager", _) => 0.030,
        // Synchronous: it takes what `transition` takes.
        ("Lambda", _) => 0.060,
        ("S3", _) => 0.040,
        _ => 0.100,
    }
}
