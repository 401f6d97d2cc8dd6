//! What keeps an action from going on: what ends it, with the failure codes of `CodePipeline`, or what may pass.

use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use penstock_app::engine::state::{AttemptError, ErrorCode, External};
use penstock_app::port::PortError;
use penstock_app::port::provider::{Begun, Ending, Observation};

use crate::error::port_error;
use crate::untrusted::Untrusted;

/// What keeps an action from going on.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Failure {
    /// It ends so.
    Ends(AttemptError),
    /// A look at the provider was refused: nothing is known of the work. It ends an attempt of which nothing can run yet.
    Unseen(AttemptError),
    /// It may pass.
    Passing(PortError),
}

impl Failure {
    /// What the definition or a file of an artifact says cannot be performed.
    pub(crate) fn configuration(message: impl Into<String>) -> Self {
        Self::ends(ErrorCode::ConfigurationError, message)
    }

    /// The work itself went wrong.
    pub(crate) fn job(message: impl Into<String>) -> Self {
        Self::ends(ErrorCode::JobFailed, message)
    }

    /// With one of `CodePipeline`'s failure codes (`FailureType`).
    pub(crate) fn ends(code: impl Into<ErrorCode>, message: impl Into<String>) -> Self {
        Self::Ends(AttemptError::new(code, message))
    }

    /// A call that failed; `what` completes "failed to ...". What a service refuses for good was asked wrongly.
    pub(crate) fn of_call<E, R>(what: &str, error: &SdkError<E, R>) -> Self
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
        R: std::fmt::Debug + 'static,
    {
        let failed = port_error(what, error);
        if failed.retryable {
            return Self::Passing(failed);
        }
        let message = failed.in_a_sentence();
        if Untrusted::behind(error).is_some() {
            return Self::ends(ErrorCode::PermissionError, message);
        }
        if is_denied(error) {
            return Self::ends(
                ErrorCode::PermissionError,
                format!("{message}; grant it to the action's role"),
            );
        }
        Self::configuration(message)
    }

    /// A call that only looks and failed; it says nothing of the work.
    pub(crate) fn of_look<E, R>(what: &str, error: &SdkError<E, R>) -> Self
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
        R: std::fmt::Debug + 'static,
    {
        Self::of_call(what, error).unseen()
    }

    /// The same, where it says nothing of the work.
    pub(crate) fn unseen(self) -> Self {
        match self {
            Self::Ends(error) => Self::Unseen(error),
            known @ (Self::Unseen(_) | Self::Passing(_)) => known,
        }
    }

    /// A call of S3 that failed; `failed` is what became of it.
    #[cfg(feature = "s3")]
    pub(crate) fn of_s3<E, R>(failed: PortError, error: &SdkError<E, R>) -> Self
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
        R: std::fmt::Debug + 'static,
    {
        if Untrusted::behind(error).is_some() {
            return Self::ends(ErrorCode::PermissionError, failed.in_a_sentence());
        }
        if is_denied(error) && !failed.retryable {
            let message = format!("{}; grant it to the action's role", failed.in_a_sentence());
            return Self::ends(ErrorCode::PermissionError, message);
        }
        failed.into()
    }

    /// The end of the attempt, if it is one.
    pub(crate) fn ending(self, external: Option<External>) -> Result<Ending, PortError> {
        match self {
            Self::Ends(error) => Ok(Ending::Failed { error, external }),
            Self::Unseen(error) => Err(PortError::transient(fragment(&error))),
            Self::Passing(error) => Err(error),
        }
    }

    /// What a start answers. After a worker that may have started it, nothing but the work itself ends the attempt.
    pub(crate) fn begun(self, taken_over: bool) -> Result<Begun, PortError> {
        match self {
            Self::Unseen(error) if !taken_over => Self::Ends(error).ending(None),
            known @ (Self::Ends(_) | Self::Unseen(_) | Self::Passing(_)) => known.ending(None),
        }
        .map(Begun::Ended)
    }

    /// What an observation answers. A look that failed is repeated, until the attempt times out.
    pub(crate) fn observed(self, external: &External) -> Result<Observation, PortError> {
        self.ending(Some(external.clone())).map(Observation::Ended)
    }

    /// As an error of a call that has no attempt to end; its message completes "failed to ...".
    pub(crate) fn into_port(self) -> PortError {
        match self {
            Self::Ends(error) | Self::Unseen(error) => PortError::permanent(fragment(&error)),
            Self::Passing(error) => error,
        }
    }
}

/// The message as it completes "failed to ...".
fn fragment(error: &AttemptError) -> &str {
    error.message.strip_prefix("failed to ").unwrap_or(&error.message)
}

/// Whether the caller lacks a right.
fn is_denied<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> bool {
    let code = error.as_service_error().and_then(ProvideErrorMetadata::code).unwrap_or_default();
    code.starts_with("AccessDenied") || code == "UnauthorizedOperation"
}

impl From<PortError> for Failure {
    fn from(error: PortError) -> Self {
        if error.retryable { Self::Passing(error) } else { Self::job(error.in_a_sentence()) }
    }
}
