//! AWS's prices in us-east-1, without free tiers, first tier; and the durations that a bill depends on.
//!
//! The pricing pages load their numbers by script, so beside each price stands who wrote it down from them, and when, or
//! that the page has no date; all were looked up in November 2026. A duration cannot be had from an emulator: what a function computes itself is measured by
//! the benchmark `functions` and is far below a millisecond; it waits for others, and for how long is assumed here,
//! generously.

/// Dollars a request to Lambda ("AWS Lambda pricing"; lambda-13-cost.md of `lambda_local_runner`, May 2026).
pub(crate) const INVOCATION: f64 = 0.20e-6;
/// Dollars a GB-second of Lambda on arm64, the template's default (same; cloudchipr.com, "AWS Lambda Pricing", 2024).
const GB_SECOND: f64 = 0.000_013_333_4;
/// Dollars a GB-second of a function's disk beyond 512 MB ("AWS Lambda pricing", as of March 2022; not found again).
const DISK_GB_SECOND: f64 = 0.000_000_030_9;
/// Dollars a write request unit of `DynamoDB`, on demand, since the cut of November 2024 (airbyte.com, "DynamoDB pricing",
/// July 2025).
pub(crate) const WRITE_UNIT: f64 = 0.625e-6;
/// Dollars a read request unit (same).
pub(crate) const READ_UNIT: f64 = 0.125e-6;
/// Dollars a request to a FIFO queue; the polling of a Lambda trigger is charged as any other (cloudburn.io, "Amazon SQS
/// Pricing", March 2026; factualminds.com, June 2026).
pub(crate) const FIFO_REQUEST: f64 = 0.50e-6;
/// Dollars a request to a standard queue (same).
pub(crate) const QUEUE_REQUEST: f64 = 0.40e-6;
/// Dollars a publication; deliveries to queues and functions are free, an e-mail is 0.02 dollars a thousand more
/// (factualminds.com, "Amazon SNS Pricing", June 2026).
pub(crate) const PUBLICATION: f64 = 0.50e-6;
/// Dollars a PUT, POST or LIST of S3 Standard (c3x.dev, "S3 request fees explained", no date; the same in cloudkaramchari.com,
/// "Understanding per 1,000 PUT, COPY, POST or LIST requests", no date).
pub(crate) const S3_PUT: f64 = 5e-6;
/// Dollars a GET or HEAD (same).
pub(crate) const S3_GET: f64 = 0.4e-6;
/// Dollars a request to an HTTP API (awsforengineers.com, "AWS API Gateway Pricing Explained", May 2025).
pub(crate) const HTTP_REQUEST: f64 = 1e-6;
/// Dollars a GB of Lambda's logs taken in: the first tier since May 2025 (duckbillgroup.com on tiered pricing, May 2025).
pub(crate) const LOG_GB: f64 = 0.50;
/// Dollars a call of Secrets Manager (hivebook.wiki, "AWS Secrets Manager", no date).
pub(crate) const SECRET_CALL: f64 = 5e-6;
/// Dollars a month of a secret (same).
pub(crate) const SECRET_MONTH: f64 = 0.40;
/// Dollars a request to KMS, of which a topic that its key encrypts makes two in five minutes in which something is published
/// (factualminds.com, "AWS KMS Pricing", June 2026; Amazon SNS developer guide, "Key management").
pub(crate) const KEY_REQUEST: f64 = 3e-6;
/// Dollars an invocation by EventBridge Scheduler; 14 million a month are free (cloudburn.io, "Amazon EventBridge Pricing",
/// March 2026).
pub(crate) const SCHEDULED: f64 = 1e-6;
/// Dollars a month of a metric of one's own; ten an account are free (signoz.io, "`CloudWatch` Pricing Without
/// the Confusion", February 2026).
pub(crate) const METRIC_MONTH: f64 = 0.30;
/// Dollars a month of an alarm at standard resolution; ten an account are free (c3x.dev,
/// "`aws_cloudwatch_metric_alarm` cost estimation", no date).
pub(crate) const ALARM_MONTH: f64 = 0.10;

/// The memory of a function in GB, as the template sets it.
fn memory(function: &str) -> f64 {
    match function {
        "artifact" => 1.0,
        "action" | "api" => 0.5,
        _ => 0.25,
    }
}

/// Dollars a second of a function: its memory, and the 10 GB of disk of those that unpack.
pub(crate) fn second(function: &str) -> f64 {
    let disk = if matches!(function, "action" | "artifact") { 9.5 } else { 0.0 };
    memory(function) * GB_SECOND + disk * DISK_GB_SECOND
}

/// The seconds for which an invocation is billed besides its calls: its own work, and the runtime's.
pub(crate) const OWN_SECONDS: f64 = 0.002;
/// The seconds that Lambda takes to make a function's environment, as far as they are billed.
pub(crate) const START_SECONDS: f64 = 0.1;
/// The bytes of a line of the HTTP API's log, with what `CloudWatch` adds.
pub(crate) const ACCESS_BYTES: f64 = 450.0;
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
