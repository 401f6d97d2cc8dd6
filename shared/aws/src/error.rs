//! From an SDK's errors to the ports': what failed, why, and whether trying again can help.

use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::display::DisplayErrorContext;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use penstock_app::port::PortError;

/// Codes of refusals that pass by themselves.
const PASSING: [&str; 14] = [
    "InternalFailure",
    "InternalServerError",
    "InternalError",
    "LimitExceededException",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "ServiceUnavailable",
    "SlowDown",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
    "TransactionInProgressException",
    "PriorRequestNotComplete",
];

/// `what` completes "failed to ...".
pub(crate) fn port_error<E, R>(what: &str, error: &SdkError<E, R>) -> PortError
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
    R: std::fmt::Debug,
{
    match error {
        SdkError::ServiceError(refused) => {
            let refused = refused.err();
            let Some(code) = refused.code() else {
                // It broke off, or was not the service's own: whatever the service refuses, it gives a code for.
                return PortError::transient(format!("{what}: the answer was not understood"));
            };
            let message = format!("{what}: {code}: {}", refused.message().unwrap_or("no reason was given"));
            if PASSING.contains(&code) {
                PortError::transient(message)
            } else {
                PortError::permanent(message)
            }
        }
        SdkError::ConstructionFailure(_) => {
            PortError::permanent(format!("{what}: {}", DisplayErrorContext(error)))
        }
        SdkError::TimeoutError(_) | SdkError::DispatchFailure(_) | SdkError::ResponseError(_) | _ => {
            PortError::transient(format!("{what}: {}", DisplayErrorContext(error)))
        }
    }
}
