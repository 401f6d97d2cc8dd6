//! The two wire protocols of CodePipeline's API model: AWS JSON 1.1 and Smithy RPC v2 CBOR. An operation is written once
//! against [`Call`]; only this file knows how its members travel.

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use penstock_model::time::Timestamp;
use serde::{Serialize, Serializer};
use serde_json::Value;

use super::cbor;
use super::error::ApiError;
use crate::request_id::RequestId;

/// How a request and its answer are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// `POST /` with `X-Amz-Target`; timestamps are seconds as JSON numbers.
    Json,
    /// `POST /service/…/operation/…`; timestamps are CBOR tag 1.
    Cbor,
}

/// The namespace of the API model's shapes, which RPC v2 puts before an error's name.
const NAMESPACE: &str = "com.amazonaws.codepipeline";

impl Protocol {
    /// The request's members; an empty body has none.
    pub(crate) fn read(self, body: &[u8]) -> Result<Value, ApiError> {
        if body.is_empty() {
            return Ok(Value::Object(serde_json::Map::new()));
        }
        let value = match self {
            Self::Json => serde_json::from_slice(body)
                .map_err(|error| ApiError::serialization(format!("the body is not JSON: {error}")))?,
            Self::Cbor => cbor::read(body)?,
        };
        match value {
            Value::Object(_) => Ok(value),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
                Err(ApiError::serialization("the body must be a structure with the operation's members"))
            }
        }
    }

    /// The body of an answer.
    pub(crate) fn write(self, output: &impl Serialize) -> Result<Vec<u8>, ApiError> {
        match self {
            Self::Json => serde_json::to_vec(output)
                .map_err(|error| ApiError::internal(format!("the answer cannot be written: {error}"))),
            Self::Cbor => cbor::write(output),
        }
    }

    /// A whole answer; an operation without output has an empty body.
    pub(crate) fn respond(self, result: Result<Vec<u8>, ApiError>, id: &RequestId) -> Response {
        let mut response = match result {
            Ok(body) => self.response(StatusCode::OK, body),
            Err(error) => self.error(&error),
        };
        response.headers_mut().insert("x-amzn-requestid", id.header());
        response
    }

    fn error(self, error: &ApiError) -> Response {
        let code = error.code();
        let name = match self {
            Self::Json => code.to_owned(),
            Self::Cbor => format!("{NAMESPACE}#{code}"),
        };
        let body = ErrorBody { name, message: error.message() };
        let mut response = self.response(error.status(), self.write(&body).unwrap_or_default());
        if let Ok(kind) = HeaderValue::from_str(code) {
            response.headers_mut().insert("x-amzn-errortype", kind);
        }
        response
    }

    fn response(self, status: StatusCode, body: Vec<u8>) -> Response {
        let has_body = !body.is_empty();
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        if has_body {
            let kind = match self {
                Self::Json => "application/x-amz-json-1.1",
                Self::Cbor => "application/cbor",
            };
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        }
        if self == Self::Cbor {
            headers.insert("smithy-protocol", HeaderValue::from_static("rpc-v2-cbor"));
        }
        response
    }
}

#[derive(Serialize)]
struct ErrorBody<'a> {
    #[serde(rename = "__type")]
    name: String,
    message: &'a str,
}

/// A timestamp member of an answer: seconds as a number in JSON, tag 1 in CBOR.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Moment(pub(crate) Timestamp);

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let seconds = self.0.epoch_seconds();
        if serializer.is_human_readable() {
            return serializer.serialize_f64(seconds);
        }
        ciborium::tag::Required::<f64, 1>(seconds).serialize(serializer)
    }
}
