//! What can go wrong in a use case, said so that each face can answer in its own way.

use penstock_engine::rejection::Rejection;
use penstock_model::diagnostic::Diagnostic;

use crate::port::PortError;

/// Why a use case did not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AppError {
    /// The engine did not accept it: a person's mistake, or somebody was faster.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// A definition that does not pass, or that this installation cannot perform.
    #[error("{}", said(.0))]
    Refused(Vec<Diagnostic>),
    /// There is no such thing.
    #[error("{0}")]
    NotFound(String),
    /// Others changed the same items again and again; the same call may succeed later.
    #[error("{0}")]
    Busy(String),
    /// Something outside failed.
    #[error(transparent)]
    Port(#[from] PortError),
}

impl AppError {
    /// Whether the same call may succeed later without anybody changing anything.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Rejected(_) | Self::Refused(_) | Self::NotFound(_) => false,
            Self::Busy(_) => true,
            Self::Port(error) => error.retryable,
        }
    }
}

fn said(diagnostics: &[Diagnostic]) -> String {
    diagnostics.iter().map(|diagnostic| diagnostic.message.as_str()).collect::<Vec<_>>().join("; ")
}
