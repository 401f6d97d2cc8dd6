//! The HTTP side: AWS JSON 1.1 in, AWS JSON 1.1 out.

use std::io;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State as Extracted;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde_json::{Value as Json, json};

use super::operations::{self, Refusal};
use super::{Recorded, State, held};

pub(super) async fn serve(listener: std::net::TcpListener, state: Arc<State>) {
    let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
    let router = Router::new().route("/", post(answer)).with_state(state);
    axum::serve(listener, router).await.expect("a server");
}

async fn answer(Extracted(state): Extracted<Arc<State>>, headers: HeaderMap, body: Bytes) -> Response {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let operation = text("x-amz-target").rsplit('.').next().unwrap_or_default().to_owned();
    let answered = match serde_json::from_slice::<Json>(&body) {
        Ok(body) => {
            let access_key = access_key(text("authorization"));
            let recorded = Recorded { operation: operation.clone(), body: body.clone(), access_key };
            held(&state.requests).push(recorded);
            operations::carry_out(&state, &operation, &body)
        }
        Err(error) => Err(Refusal::new("SerializationException", error.to_string())),
    };
    let mut lost = held(&state.lost);
    if let Some(index) = lost.iter().position(|lost| *lost == operation) {
        lost.remove(index);
        return broken();
    }
    respond(answered)
}

fn respond(answered: Result<Json, Refusal>) -> Response {
    let (status, body) = match answered {
        Ok(body) => (StatusCode::OK, body),
        Err(Refusal { code, message }) => {
            (StatusCode::BAD_REQUEST, json!({"__type": code, "message": message}))
        }
    };
    let kind = [(header::CONTENT_TYPE, "application/x-amz-json-1.1")];
    (status, kind, body.to_string()).into_response()
}

/// An answer whose connection breaks after its headers.
fn broken() -> Response {
    let nothing = futures_util::stream::once(async { Err::<Bytes, _>(io::Error::other("lost")) });
    let headers = [(header::CONTENT_TYPE, "application/x-amz-json-1.1"), (header::CONTENT_LENGTH, "64")];
    (headers, Body::from_stream(nothing)).into_response()
}

fn access_key(authorization: &str) -> Option<String> {
    let scope = authorization.split("Credential=").nth(1)?;
    scope.split('/').next().map(str::to_owned)
}
