//! From an SDK's errors to the ports': what failed, why, and whether trying again can help.

use std::any::Any;
use std::error::Error;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use penstock_app::port::PortError;

use crate::untrusted::Untrusted;

/// Codes of refusals that pass by themselves.
const PASSING: &[&str] = &[
    "BandwidthLimitExceeded",
    "EC2ThrottledException",
    "InternalFailure",
    "InternalServerError",
    "InternalServerException",
    "InternalServiceError",
    "InternalServiceException",
    "InternalServiceFault",
    "InternalError",
    "InternalException",
    "KMSThrottling",
    "LimitExceededException",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "RequestTimeout",
    "RequestTimeoutException",
    "ServerException",
    "ServiceException",
    "ServiceUnavailable",
    "ServiceUnavailableException",
    "SlowDown",
    "Throttled",
    "ThrottledException",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
    "TransactionInProgressException",
    "PriorRequestNotComplete",
];

/// `what` completes "failed to ...".
pub(crate) fn port_error<E, R>(what: &str, error: &SdkError<E, R>) -> PortError
where
    E: ProvideErrorMetadata + Error + 'static,
    R: std::fmt::Debug + 'static,
{
    match error {
        SdkError::ServiceError(refused) => {
            let is_busy = is_busy(refused.raw());
            let refused = refused.err();
            let Some(code) = refused.code() else {
                // It broke off, or was not the service's own: whatever the service refuses, it gives a code for.
                return PortError::transient(format!("{what}: the answer was not understood"));
            };
            let message = format!("{what}: {code}: {}", refused.message().unwrap_or("no reason was given"));
            if is_busy || PASSING.contains(&code) {
                PortError::transient(message)
            } else {
                PortError::permanent(message)
            }
        }
        SdkError::ConstructionFailure(_) => PortError::permanent(format!("{what}: {}", causes(error))),
        SdkError::TimeoutError(_) | SdkError::DispatchFailure(_) | SdkError::ResponseError(_) | _ => {
            if let Some(untrusted) = Untrusted::behind(error) {
                return PortError::permanent(format!("{what}: {untrusted}"));
            }
            PortError::transient(format!("{what}: {}", causes(error)))
        }
    }
}

/// Whether the answer's status says that the service, not the question, is at fault, or that it is asked too often.
fn is_busy(answer: &dyn Any) -> bool {
    let status = answer.downcast_ref::<HttpResponse>().map(|answer| answer.status().as_u16());
    matches!(status, Some(429 | 500..))
}

/// What `error` says and what caused it, for people: an SDK's own way adds its structures at length.
pub(crate) fn causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        // Some errors say their cause themselves.
        if !text.ends_with(&next) {
            text = format!("{text}: {next}");
        }
        cause = error.source();
    }
    text.lines().map(str::trim).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use std::fmt;

    use aws_smithy_types::body::SdkBody;
    use aws_smithy_types::error::ErrorMetadata;

    use super::*;

    #[derive(Debug)]
    struct Of(&'static str, Option<Box<Of>>);

    impl fmt::Display for Of {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0)
        }
    }

    impl Error for Of {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            self.1.as_deref().map(|error| error as _)
        }
    }

    #[test]
    fn what_the_service_is_at_fault_for_passes() {
        let of = |status: u16, code: &str| {
            let refused = ErrorMetadata::builder().code(code).message("no").build();
            let answer = HttpResponse::new(status.try_into().unwrap(), SdkBody::empty());
            port_error("ask", &SdkError::service_error(refused, answer)).retryable
        };
        assert!(of(503, "Unheard") && of(500, "Unheard") && of(429, "Unheard"));
        assert!(of(400, "ThrottledException") && of(400, "InternalServiceError"));
        assert!(!of(400, "Unheard") && !of(403, "AccessDenied"));
    }

    #[test]
    fn causes_are_told_once_and_on_one_line() {
        let refused = Of("connection refused", None);
        let connect = Of("connect: connection refused", Some(Box::new(refused)));
        let error = Of("dispatch\n failure", Some(Box::new(connect)));
        assert_eq!(causes(&error), "dispatch failure: connect: connection refused");
    }
}
