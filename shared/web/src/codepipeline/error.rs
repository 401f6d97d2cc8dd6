//! Errors of the API by the names that its model gives them.

use axum::http::StatusCode;
use penstock_app::engine::rejection::Rejection;
use penstock_app::error::AppError;
use penstock_model::diagnostic::{Diagnostic, Severity};
use penstock_model::id::InvalidId;

/// An error as a client sees it: a modelled exception, or one of the protocol's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ApiError {
    code: &'static str,
    message: String,
    status: StatusCode,
}

/// The longest message, the model's limit (`Message`).
const MAX_MESSAGE: usize = 5000;

impl ApiError {
    /// A client's mistake under a name of the model.
    pub(crate) fn new(code: &'static str, message: impl Into<String>) -> Self {
        let message: String = message.into();
        let message = match message.char_indices().nth(MAX_MESSAGE) {
            Some((end, _)) => message[..end].to_owned(),
            None => message,
        };
        Self { code, message, status: StatusCode::BAD_REQUEST }
    }

    /// A member that is missing, too long or of the wrong form.
    pub(crate) fn validation(message: impl Into<String>) -> Self {
        Self::new("ValidationException", message)
    }

    /// A body that is not what the protocol says.
    pub(crate) fn serialization(message: impl Into<String>) -> Self {
        Self::new("SerializationException", message)
    }

    /// An operation that is not served, with the way out.
    pub(crate) fn unknown_operation(message: impl Into<String>) -> Self {
        Self::new("UnknownOperationException", message)
    }

    /// A failure that is not the client's; the same request may succeed later.
    pub(crate) fn internal(message: impl Into<String>) -> Self {
        Self { status: StatusCode::INTERNAL_SERVER_ERROR, ..Self::new("InternalFailure", message) }
    }

    /// The same error with another status.
    pub(crate) fn with_status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }

    /// The name.
    pub(crate) fn code(&self) -> &'static str {
        self.code
    }

    /// What happened and what to do.
    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// The HTTP status.
    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }
}

impl From<InvalidId> for ApiError {
    fn from(error: InvalidId) -> Self {
        Self::validation(error.to_string())
    }
}

/// `NotFound` becomes `PipelineNotFoundException`; operations that look for something else say so with [`or_missing`].
impl From<AppError> for ApiError {
    fn from(error: AppError) -> Self {
        match error {
            AppError::Rejected(rejection) => rejection.into(),
            AppError::Refused(diagnostics) => refused(&diagnostics),
            AppError::NotFound(message) => Self::new("PipelineNotFoundException", message),
            AppError::Busy(message) => {
                Self::new("ConflictException", message).with_status(StatusCode::CONFLICT)
            }
            AppError::Port(error) => {
                tracing::error!(%error, "a request failed");
                Self::internal(error.in_a_sentence())
            }
        }
    }
}

/// Calls what was not found by the name that this operation's model has for it.
pub(crate) fn or_missing(code: &'static str) -> impl Fn(AppError) -> ApiError {
    move |error| match error {
        AppError::NotFound(message) => ApiError::new(code, message),
        AppError::Rejected(_) | AppError::Refused(_) | AppError::Busy(_) | AppError::Port(_) => error.into(),
    }
}

impl From<Rejection> for ApiError {
    fn from(rejection: Rejection) -> Self {
        let message = rejection.to_string();
        let error = Self::new(code(&rejection), message);
        if error.code == "ConflictException" { error.with_status(StatusCode::CONFLICT) } else { error }
    }
}

fn code(rejection: &Rejection) -> &'static str {
    match rejection {
        Rejection::PipelineNotFound { .. } => "PipelineNotFoundException",
        Rejection::PipelineNameInUse { .. } => "PipelineNameInUseException",
        Rejection::DefinitionOutdated | Rejection::ExecutionsOpen { .. } => "ConcurrentModificationException",
        Rejection::ExecutionNotFound { .. } => "PipelineExecutionNotFoundException",
        Rejection::StageNotFound { .. } => "StageNotFoundException",
        Rejection::ActionNotFound { .. } => "ActionNotFoundException",
        Rejection::TooManyExecutions { .. } => "ConcurrentPipelineExecutionsLimitExceededException",
        Rejection::ApprovalSettled { .. } => "ApprovalAlreadyCompletedException",
        Rejection::NoApproval { .. } => "InvalidApprovalTokenException",
        Rejection::NotRetryable { .. } => "StageNotRetryableException",
        Rejection::NotLatest { .. } => "NotLatestPipelineExecutionException",
        Rejection::NotRollbackable { .. } => "UnableToRollbackStageException",
        Rejection::NotStoppable { .. } => "PipelineExecutionNotStoppableException",
        Rejection::StopRequestedAlready => "DuplicatedStopRequestException",
        Rejection::Variable { .. } | Rejection::NoSourceAction { .. } | Rejection::Invalid { .. } => {
            "ValidationException"
        }
        Rejection::Stale => "ConflictException",
    }
}

/// All errors of a definition in one message, under the name that CodePipeline has for the first of them.
fn refused(diagnostics: &[Diagnostic]) -> ApiError {
    let errors: Vec<&Diagnostic> =
        diagnostics.iter().filter(|diagnostic| diagnostic.severity == Severity::Error).collect();
    let name = errors.first().map_or("ValidationException", |first| declaration(&first.code, &first.message));
    let messages: Vec<&str> = errors.iter().map(|error| error.message.as_str()).collect();
    ApiError::new(name, messages.join("\n"))
}

/// The exception for a diagnostic's code and the path before its message (`CodePipeline` API, errors of `CreatePipeline`).
fn declaration(code: &str, message: &str) -> &'static str {
    const FORM: [&str; 9] = [
        "missing-key",
        "wrong-type",
        "execution-mode",
        "category",
        "owner",
        "version",
        "pipeline-name",
        "pipeline-type",
        "text-length",
    ];
    let path = message.split(": ").next().unwrap_or_default();
    match code {
        "blockers" => "InvalidBlockerDeclarationException",
        "too-many" | "too-many-variables" | "too-many-problems" => "LimitExceededException",
        _ if FORM.contains(&code) => "ValidationException",
        "source-stage" | "stage-count" | "stage-name" | "duplicate-stage" | "action-count" => {
            "InvalidStageDeclarationException"
        }
        _ if path.contains("actions[") => "InvalidActionDeclarationException",
        _ if path.starts_with("stages[") => "InvalidStageDeclarationException",
        _ => "InvalidStructureException",
    }
}
