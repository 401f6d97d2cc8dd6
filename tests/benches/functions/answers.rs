//! An AWS in which there is a secret and nothing else.

use axum::body::Body;
use axum::http::{HeaderMap, Response, StatusCode};
use serde_json::json;

use crate::events::SECRET;

/// Answers a call of an SDK by its operation.
pub(crate) async fn answer(headers: HeaderMap) -> Response<Body> {
    let target = headers.get("x-amz-target").and_then(|it| it.to_str().ok()).unwrap_or_default();
    let answer = match target.rsplit('.').next().unwrap_or_default() {
        "GetSecretValue" => {
            json!({"ARN": "arn", "Name": "secret", "VersionId": "1", "SecretString": secret().to_string()})
        }
        "Query" => json!({"Items": [], "Count": 0, "ScannedCount": 0}),
        "GetQueueAttributes" => json!({"Attributes": {"ApproximateNumberOfMessages": "0"}}),
        _ => json!({}),
    };
    status(StatusCode::OK, &answer.to_string())
}

fn secret() -> serde_json::Value {
    json!({"current": SECRET, "key": SECRET})
}

/// An answer of this status.
pub(crate) fn status(status: StatusCode, body: &str) -> Response<Body> {
    let answer = Response::builder().status(status).header("content-type", "application/x-amz-json-1.0");
    answer.body(Body::from(body.to_owned())).expect("an answer")
}
