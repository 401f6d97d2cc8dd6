//! Why a provider cannot begin work: a refusal that ends the attempt, or a failure that may pass.

use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use penstock_app::engine::state::AttemptError;
use penstock_app::port::PortError;
use penstock_app::port::provider::{Begun, Ending};

use crate::error::port_error;

/// Why work cannot begin.
#[derive(Debug)]
pub(crate) enum Obstacle {
    /// It never can: the attempt fails with this.
    Fails(AttemptError),
    /// Not now.
    Port(PortError),
}

impl From<PortError> for Obstacle {
    /// What stays ends the attempt.
    fn from(error: PortError) -> Self {
        if error.retryable { Self::Port(error) } else { Self::fails("JobFailed", error.message) }
    }
}

impl Obstacle {
    /// The attempt fails under `CodePipeline`'s name for the kind of failure (`FailureType`).
    pub(crate) fn fails(code: &str, message: impl Into<String>) -> Self {
        Self::Fails(AttemptError { code: code.to_owned(), message: message.into() })
    }

    /// What the definition or a file of an artifact says cannot be performed.
    pub(crate) fn configuration(message: impl Into<String>) -> Self {
        Self::fails("ConfigurationError", message)
    }

    /// A call that failed; `what` completes "failed to ...".
    pub(crate) fn of<E, R>(what: &str, error: &SdkError<E, R>) -> Self
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
        R: std::fmt::Debug,
    {
        let found = port_error(what, error);
        if found.retryable {
            return Self::Port(found);
        }
        let code = error.as_service_error().and_then(ProvideErrorMetadata::code).unwrap_or_default();
        if code.starts_with("AccessDenied") || code == "UnauthorizedOperation" {
            let message = format!("{}; grant it to the action's role", found.message);
            return Self::fails("PermissionError", message);
        }
        Self::configuration(found.message)
    }

    /// How a start ends that met it.
    pub(crate) fn met(self) -> Result<Begun, PortError> {
        match self {
            Self::Fails(error) => Ok(Begun::Ended(Ending::Failed { error, external: None })),
            Self::Port(error) => Err(error),
        }
    }

    /// As an error of a call that has no attempt to end.
    pub(crate) fn into_port(self) -> PortError {
        match self {
            Self::Fails(error) => PortError::permanent(error.message),
            Self::Port(error) => error,
        }
    }
}
