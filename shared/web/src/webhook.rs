//! `POST /webhooks/github`: a signed delivery, admitted before it is answered, with an answer that says what starts.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use penstock_app::delivery::{Answer, Meaning, Received, WebhookRefusal};
use penstock_model::id::DeliveryId;
use serde::Serialize;

use crate::answer::Failure;
use crate::body::{self, BodyError};
use crate::{Web, Webhooks};

/// The most that GitHub sends (GitHub documentation, "Webhook events and payloads": 25 MB).
const MAX_BODY: usize = 25 << 20;
/// Where the secrets are that deliveries are checked with: only a server on one machine takes deliveries here.
const SECRETS: &str = "the server has its own from the environment variable PENSTOCK_WEBHOOK_SECRET";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Admitted {
    delivery_id: DeliveryId,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pipelines: Option<Vec<Answer>>,
}

/// The route for GitHub's deliveries.
pub(crate) fn routes(webhooks: Webhooks) -> Router<Arc<Web>> {
    let webhooks = Arc::new(webhooks);
    let github = move |headers: HeaderMap, body: Body| async move { github(&webhooks, &headers, body).await };
    Router::new().route("/webhooks/github", post(github))
}

async fn github(webhooks: &Webhooks, headers: &HeaderMap, body: Body) -> Response {
    admit(webhooks, headers, body).await.unwrap_or_else(IntoResponse::into_response)
}

async fn admit(webhooks: &Webhooks, headers: &HeaderMap, body: Body) -> Result<Response, Failure> {
    let body = body::read(body, MAX_BODY).await.map_err(unread)?;
    webhooks.webhook.verify(text(headers, "x-hub-signature-256"), &body)?;
    let required = |name| {
        text(headers, name).ok_or_else(|| {
            let what = if headers.contains_key(name) { "is no ASCII text" } else { "is missing" };
            Failure::bad_request(format!("the header {name} {what}; GitHub sends it"))
        })
    };
    let delivery_id = DeliveryId::new(required("x-github-delivery")?)?;
    let event = required("x-github-event")?;
    match webhooks.webhook.read(event, body::media_type(headers), &body)? {
        Received::Ignored(reason) => {
            Ok(Json(Admitted { delivery_id, reason: Some(reason), pipelines: None }).into_response())
        }
        Received::Event(event) => {
            let pipelines = webhooks.deliveries.deliver(&delivery_id, &event.into()).await?;
            let was_before = |answer: &Answer| matches!(answer.meaning, Meaning::StartedBefore(_));
            let repeated = pipelines.iter().any(was_before) && !pipelines.iter().any(Answer::has_started);
            let (status, reason) = if repeated {
                (StatusCode::OK, Some("this delivery was admitted before; nothing starts again".to_owned()))
            } else {
                (StatusCode::ACCEPTED, None)
            };
            Ok((status, Json(Admitted { delivery_id, reason, pipelines: Some(pipelines) })).into_response())
        }
    }
}

fn unread(error: BodyError) -> Failure {
    match error {
        BodyError::TooLarge => Failure::from(WebhookRefusal::TooLarge),
        BodyError::Broken => Failure::bad_request("the request's body ended early; deliver it again"),
    }
}

impl From<WebhookRefusal> for Failure {
    fn from(refusal: WebhookRefusal) -> Self {
        match refusal {
            WebhookRefusal::Unsigned(message) => {
                let message = format!("{message} ({SECRETS})");
                Self::new(StatusCode::UNAUTHORIZED, "InvalidSignature", message)
            }
            WebhookRefusal::TooLarge => {
                Self::new(StatusCode::PAYLOAD_TOO_LARGE, "TooLarge", "a delivery has at most 25 MB")
            }
            WebhookRefusal::MediaType(message) => {
                Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "UnsupportedMediaType", message)
            }
            WebhookRefusal::Malformed(message) => Self::bad_request(message),
        }
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}
