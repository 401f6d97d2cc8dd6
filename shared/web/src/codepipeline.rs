//! CodePipeline's API (model `codepipeline/2015-07-09`) in both protocols of its model.

mod actions;
mod approvals;
mod cbor;
mod declaration;
mod definitions;
mod error;
mod executions;
mod input;
mod jobs;
mod operation;
mod protocol;
mod shapes;
mod stages;
mod state;
mod token;
mod trace;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;

use crate::Web;
use crate::body;
use crate::request_id::RequestId;
pub(crate) use error::ApiError;
use input::Input;
use operation::Call;
use protocol::Protocol;

/// The service's name in both protocols (`targetPrefix` of the model).
const SERVICE: &str = "CodePipeline_20150709";

/// The largest request: far above the largest definition that CodePipeline takes.
const MAX_BODY: usize = 4 << 20;

/// `POST /` with `X-Amz-Target: CodePipeline_20150709.NAME`.
pub(crate) async fn json(State(web): State<Arc<Web>>, headers: HeaderMap, body: Body) -> Response {
    answer(&web, Served::Everything, &headers, body).await
}

/// `POST /jobs`: as [`json`], but only what an invoked function needs, so that the right to come here gives no other.
pub(crate) async fn jobs(State(web): State<Arc<Web>>, headers: HeaderMap, body: Body) -> Response {
    answer(&web, Served::Jobs, &headers, body).await
}

/// Which operations an address serves.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Served {
    Everything,
    Jobs,
}

async fn answer(web: &Web, served: Served, headers: &HeaderMap, body: Body) -> Response {
    let id = RequestId::next();
    let result = json_result(web, served, headers, body).await;
    Protocol::Json.respond(result, &id)
}

/// `POST /service/CodePipeline_20150709/operation/NAME` with `smithy-protocol: rpc-v2-cbor`.
pub(crate) async fn rpc(
    State(web): State<Arc<Web>>,
    Path((service, name)): Path<(String, String)>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let id = RequestId::next();
    let result = cbor_result(&web, &service, &name, &headers, body).await;
    Protocol::Cbor.respond(result, &id)
}

async fn json_result(
    web: &Web,
    served: Served,
    headers: &HeaderMap,
    body: Body,
) -> Result<Vec<u8>, ApiError> {
    let target = text(headers, "x-amz-target").ok_or_else(|| {
        ApiError::unknown_operation(format!(
            "this is CodePipeline's API: name the operation in the header X-Amz-Target: {SERVICE}.NAME"
        ))
    })?;
    let name = target
        .strip_prefix(SERVICE)
        .and_then(|rest| rest.strip_prefix('.'))
        .ok_or_else(|| unknown_service(target))?;
    if served == Served::Jobs && !jobs::OPERATIONS.contains(&name) {
        return Err(ApiError::unknown_operation(format!(
            "only {} are answered here; everything else is at the API's own address",
            jobs::OPERATIONS.join(", ")
        )));
    }
    if !matches!(
        body::media_type(headers),
        "application/x-amz-json-1.1" | "application/x-amz-json-1.0" | "application/json"
    ) {
        return Err(unsupported("application/x-amz-json-1.1"));
    }
    carry_out(web, Protocol::Json, name, headers, body).await
}

async fn cbor_result(
    web: &Web,
    service: &str,
    name: &str,
    headers: &HeaderMap,
    body: Body,
) -> Result<Vec<u8>, ApiError> {
    if service != SERVICE {
        return Err(unknown_service(service));
    }
    if text(headers, "smithy-protocol") != Some("rpc-v2-cbor") {
        return Err(ApiError::serialization(
            "this address speaks Smithy RPC v2 CBOR: send the header smithy-protocol: rpc-v2-cbor",
        ));
    }
    if !matches!(body::media_type(headers), "application/cbor" | "") {
        return Err(unsupported("application/cbor"));
    }
    carry_out(web, Protocol::Cbor, name, headers, body).await
}

async fn carry_out(
    web: &Web,
    protocol: Protocol,
    name: &str,
    headers: &HeaderMap,
    body: Body,
) -> Result<Vec<u8>, ApiError> {
    let body = body::read(body, MAX_BODY).await.map_err(|error| match error {
        body::BodyError::TooLarge => ApiError::new(
            "RequestEntityTooLargeException",
            format!("the request has more than {MAX_BODY} bytes"),
        )
        .with_status(StatusCode::PAYLOAD_TOO_LARGE),
        body::BodyError::Broken => ApiError::serialization("the request's body ended early"),
    })?;
    let value = protocol.read(&body)?;
    let input = Input::of(&value, "the request")?;
    trace::record(name, input);
    let call = Call { web, protocol, by: by(headers), input };
    operation::carry_out(call, name).await
}

/// Who asks: on AWS the caller whom API Gateway checked, whatever name the request gave (the `api` function puts it into
/// the header); elsewhere the name that the command line sends along, else the access key of the request's signature,
/// which nobody checked.
fn by(headers: &HeaderMap) -> String {
    let key = || {
        let (_, credential) = text(headers, "authorization")?.split_once("Credential=")?;
        credential.split('/').next().filter(|key| !key.is_empty())
    };
    let name = text(headers, "penstock-user").or_else(key).unwrap_or("api");
    name.chars().filter(|c| !c.is_control()).take(128).collect()
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn unknown_service(name: &str) -> ApiError {
    let name: String = name.chars().filter(|c| !c.is_control()).take(100).collect();
    ApiError::unknown_operation(format!(
        "`{name}` is no part of CodePipeline's API ({SERVICE}), the only service that is served here"
    ))
    .with_status(StatusCode::NOT_FOUND)
}

fn unsupported(kind: &str) -> ApiError {
    ApiError::new(
        "UnsupportedMediaTypeException",
        format!("send the request with the header Content-Type: {kind}"),
    )
    .with_status(StatusCode::UNSUPPORTED_MEDIA_TYPE)
}
