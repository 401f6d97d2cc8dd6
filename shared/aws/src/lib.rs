//! Adapters over AWS's SDKs, one cargo feature a service, so that a function links only what it calls.

pub mod calls;
pub mod cursor;
pub mod default_role;
pub mod environment;
mod error;
mod http;
pub mod offered;
pub mod schedule;
pub mod scratch;
pub mod sdk;
pub mod session;
mod untrusted;

#[cfg(feature = "dynamodb")]
pub mod approvers;
#[cfg(feature = "dynamodb")]
pub mod claims;
#[cfg(feature = "dynamodb")]
pub mod locator;
#[cfg(feature = "dynamodb")]
pub mod outputs;
#[cfg(feature = "dynamodb")]
pub mod store;
#[cfg(feature = "dynamodb")]
pub mod told;
#[cfg(feature = "dynamodb")]
mod walks;

#[cfg(all(feature = "sqs", feature = "telemetry"))]
pub mod debts;
#[cfg(feature = "sqs")]
pub mod queue;

#[cfg(feature = "s3")]
pub mod artifacts;
#[cfg(feature = "s3")]
pub mod attempt_log;
#[cfg(feature = "s3")]
mod bucket;
#[cfg(feature = "s3")]
pub mod clean_up;

#[cfg(feature = "secrets")]
pub mod approval_key;
#[cfg(feature = "secrets")]
pub mod secrets;

#[cfg(feature = "sns")]
pub mod topics;

#[cfg(feature = "eventbridge")]
pub mod event_bus;

#[cfg(feature = "lambda")]
pub mod remote_transition;

#[cfg(feature = "sts")]
pub mod access;

#[cfg(feature = "telemetry")]
pub mod telemetry;

pub mod provider;

#[cfg(feature = "sqs")]
pub mod dead_letters;
#[cfg(feature = "signing")]
pub mod signing;
#[cfg(feature = "cloudformation")]
pub mod stack;
#[cfg(feature = "sns")]
pub mod subscriptions;
#[cfg(feature = "iam")]
pub mod trust;
#[cfg(feature = "sqs")]
pub mod untold;
