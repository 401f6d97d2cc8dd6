//! JSON answers of Penstock's own endpoints, and their errors: `{"code", "message"}`.

use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use penstock_app::engine::rejection::Rejection;
use penstock_app::error::AppError;
use penstock_model::diagnostic::Diagnostic;
use penstock_model::id::InvalidId;
use serde::Serialize;

use crate::codepipeline::ApiError;

/// Why a request to an own endpoint was not carried out.
#[derive(Debug, Serialize)]
pub(crate) struct Failure {
    #[serde(skip)]
    status: StatusCode,
    code: &'static str,
    message: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    diagnostics: Vec<Diagnostic>,
}

impl Failure {
    /// A failure with a code for programs and a message for people.
    pub(crate) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), diagnostics: Vec::new() }
    }

    /// A request that is not what the endpoint takes.
    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "BadRequest", message)
    }

    /// There is no such thing.
    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "NotFound", message)
    }

    /// A definition that does not pass, with all that was found.
    pub(crate) fn refused(diagnostics: Vec<Diagnostic>) -> Self {
        let message = "the definition does not pass; see its diagnostics";
        Self { diagnostics, ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, "DefinitionRefused", message) }
    }

    /// The HTTP status.
    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }

    /// What happened and what to do.
    pub(crate) fn message(&self) -> &str {
        &self.message
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        (self.status, Json(self)).into_response()
    }
}

/// Says in words which methods an address takes that was asked with another.
pub(crate) async fn name_allowed(response: Response) -> Response {
    let allowed = response.headers().get(header::ALLOW).and_then(|value| value.to_str().ok());
    let (StatusCode::METHOD_NOT_ALLOWED, Some(allowed)) = (response.status(), allowed) else {
        return response;
    };
    let message = format!("this address takes {allowed} only");
    let said = Failure::new(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", message).into_response();
    let (mut parts, _) = response.into_parts();
    let (of_failure, body) = said.into_parts();
    parts.headers.remove(header::CONTENT_LENGTH);
    parts.headers.extend(of_failure.headers);
    Response::from_parts(parts, body)
}

impl From<InvalidId> for Failure {
    fn from(error: InvalidId) -> Self {
        Self::bad_request(error.to_string())
    }
}

/// Codes are those of CodePipeline's API, so that a program finds the same names everywhere.
impl From<AppError> for Failure {
    fn from(error: AppError) -> Self {
        let status = match &error {
            AppError::Rejected(rejection) => status(rejection),
            AppError::Refused(_) => StatusCode::UNPROCESSABLE_ENTITY,
            AppError::NotFound(_) => StatusCode::NOT_FOUND,
            AppError::Busy(_) => StatusCode::CONFLICT,
            AppError::Port(error) if error.retryable => StatusCode::SERVICE_UNAVAILABLE,
            AppError::Port(_) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        match error {
            AppError::Refused(diagnostics) => Self::refused(diagnostics),
            AppError::NotFound(message) => Self::not_found(message),
            AppError::Rejected(_) | AppError::Busy(_) | AppError::Port(_) => {
                let error = ApiError::from(error);
                Self::new(status, error.code(), error.message())
            }
        }
    }
}

fn status(rejection: &Rejection) -> StatusCode {
    match rejection {
        Rejection::PipelineNotFound { .. }
        | Rejection::ExecutionNotFound { .. }
        | Rejection::StageNotFound { .. }
        | Rejection::ActionNotFound { .. } => StatusCode::NOT_FOUND,
        Rejection::Variable { .. } | Rejection::NoSourceAction { .. } | Rejection::Invalid { .. } => {
            StatusCode::BAD_REQUEST
        }
        Rejection::PipelineNameInUse { .. }
        | Rejection::DefinitionOutdated
        | Rejection::ExecutionsOpen { .. }
        | Rejection::TooManyExecutions { .. }
        | Rejection::ApprovalSettled { .. }
        | Rejection::NoApproval { .. }
        | Rejection::NotRetryable { .. }
        | Rejection::NotLatest { .. }
        | Rejection::NotRollbackable { .. }
        | Rejection::NotStoppable { .. }
        | Rejection::StopRequestedAlready
        | Rejection::Stale => StatusCode::CONFLICT,
    }
}
