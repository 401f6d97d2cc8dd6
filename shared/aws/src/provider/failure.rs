//! Why an action ends badly, with the failure codes of `CodePipeline`, or why it is tried again.

use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use penstock_app::engine::state::{AttemptError, External};
use penstock_app::port::PortError;
use penstock_app::port::provider::{Begun, Ending, Observation};

use crate::error::port_error;

/// What keeps an action from going on.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Failure {
    /// It ends so.
    Ends(AttemptError),
    /// It may pass.
    Passing(PortError),
}

impl Failure {
    /// What was configured cannot work.
    pub(crate) fn configuration(message: impl Into<String>) -> Self {
        Self::ends("ConfigurationError", message)
    }

    /// The work itself went wrong.
    pub(crate) fn job(message: impl Into<String>) -> Self {
        Self::ends("JobFailed", message)
    }

    /// With one of `CodePipeline`'s failure codes.
    pub(crate) fn ends(code: &str, message: impl Into<String>) -> Self {
        Self::Ends(AttemptError { code: code.to_owned(), message: message.into() })
    }

    /// A refused call; `what` completes "failed to ...".
    pub(crate) fn of_call<E, R>(what: &str, error: &SdkError<E, R>) -> Self
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
        R: std::fmt::Debug,
    {
        let port = port_error(what, error);
        let denied = error.code().is_some_and(|code| code.starts_with("AccessDenied"));
        if denied && !port.retryable {
            return Self::ends("PermissionError", format!("failed to {}", port.message));
        }
        port.into()
    }

    /// A refused call of S3; `failed` is what became of it.
    #[cfg(feature = "s3")]
    pub(crate) fn of_s3<E: ProvideErrorMetadata, R>(
        what: &str,
        failed: PortError,
        error: &SdkError<E, R>,
    ) -> Self {
        let denied = error.code().is_some_and(|code| code.starts_with("AccessDenied"));
        if denied && !failed.retryable {
            return Self::ends("PermissionError", format!("failed to {what}: the action's role may not"));
        }
        failed.into()
    }

    /// The end of the attempt, if it is one.
    pub(crate) fn ending(self, external: Option<External>) -> Result<Ending, PortError> {
        match self {
            Self::Ends(error) => Ok(Ending::Failed { error, external }),
            Self::Passing(error) => Err(error),
        }
    }

    /// What a start answers.
    pub(crate) fn begun(self) -> Result<Begun, PortError> {
        self.ending(None).map(Begun::Ended)
    }

    /// What an observation answers.
    pub(crate) fn observed(self, external: &External) -> Result<Observation, PortError> {
        self.ending(Some(external.clone())).map(Observation::Ended)
    }
}

impl From<PortError> for Failure {
    fn from(error: PortError) -> Self {
        if error.retryable { Self::Passing(error) } else { Self::job(format!("failed to {}", error.message)) }
    }
}
