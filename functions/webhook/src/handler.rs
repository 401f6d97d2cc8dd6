//! From a request of GitHub to a queued delivery, and the answer that says what became of it.

use std::sync::Arc;
use std::time::Duration;

use lambda_http::http::{HeaderMap, HeaderValue, StatusCode};
use lambda_http::{Body, Error, Request, Response};
use penstock_app::delivery::{Received, Webhook, WebhookRefusal};
use penstock_app::port::PortError;
use penstock_app::port::queue::{Message, Queue};
use penstock_app::port::secrets::Secrets;
use penstock_github::signature::WebhookSecrets;
use penstock_github::webhook::GitHubWebhook;
use penstock_model::id::DeliveryId;
use serde::{Deserialize, Serialize};

/// How long an answer may take, whatever happens behind: with what a cold start and the HTTP API take, less than a second.
pub(crate) const AT_MOST: Duration = Duration::from_millis(800);
/// The largest body that is taken, by the way it comes: in base64, as a form does, or as text, as JSON does. An invocation
/// has at most 6 MB with all that stands round the body (Lambda quotas, "Invocation payload"), in which base64 is a third
/// larger than what it says and JSON, by its escapes, about an eighth. Beyond that Lambda refuses the request before this
/// code runs, and nobody says why; what has these sizes fits, so whoever sends more is told. GitHub sends up to 25 MB.
const MAX_BODY: Sizes = Sizes { base64: 4 << 20, text: 5 << 20 };

/// Where the secrets are that deliveries are checked with.
const SECRETS: &str = "the configured one is `current` in what the stack's output WebhookSecretArn names";

/// Takes deliveries.
pub(crate) struct Handler {
    pub(crate) secret: String,
    pub(crate) secrets: Arc<dyn Secrets>,
    pub(crate) queue: Arc<dyn Queue>,
    /// How long an answer may take: [`AT_MOST`].
    pub(crate) patience: Duration,
}

/// Bytes.
struct Sizes {
    base64: usize,
    text: usize,
}

impl Sizes {
    fn of(&self, body: &Body) -> usize {
        if matches!(body, Body::Binary(_)) { self.base64 } else { self.text }
    }
}

/// The secrets under which deliveries may be signed; two while one is being replaced by the other.
#[derive(Deserialize)]
struct Signing {
    current: String,
    #[serde(default)]
    previous: Option<String>,
}

/// What the answer says.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    delivery_id: Option<&'a DeliveryId>,
    queued: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

impl Handler {
    /// Queues what may start something. Anything but success is shown by GitHub among the failed deliveries, which
    /// can be delivered again.
    pub(crate) async fn answer(&self, request: &Request) -> Result<Response<Body>, Error> {
        let taken = tokio::time::timeout(self.patience, self.take(request)).await;
        let taken =
            taken.unwrap_or_else(|_| Err(failed(&PortError::transient("queue it: no answer came in time"))));
        let (status, delivery, queued, reason) = match taken {
            Ok((delivery, None)) => (StatusCode::ACCEPTED, Some(delivery), true, None),
            Ok((delivery, Some(reason))) => (StatusCode::OK, Some(delivery), false, Some(reason)),
            Err((status, reason)) => (status, None, false, Some(reason)),
        };
        tracing::info!(
            status = status.as_u16(),
            delivery = delivery.as_ref().map(tracing::field::display),
            queued,
            reason = reason.as_deref().map(tracing::field::debug),
            "a delivery"
        );
        let answer = Answer { delivery_id: delivery.as_ref(), queued, reason };
        let body = serde_json::to_string(&answer)?;
        Ok(Response::builder()
            .status(status)
            .header("content-type", "application/json")
            .header("cache-control", "no-store")
            .body(Body::from(body))?)
    }

    /// The delivery, and why nothing of it was queued, if so.
    async fn take(&self, request: &Request) -> Result<(DeliveryId, Option<String>), (StatusCode, String)> {
        let most = MAX_BODY.of(request.body());
        let body: &[u8] = request.body();
        if body.len() > most {
            let reason = format!(
                "the body has more than {most} bytes; a commit on a branch that a pipeline follows is found without it within the hour, anything else starts by `penstock start`"
            );
            return Err((StatusCode::PAYLOAD_TOO_LARGE, reason));
        }
        let headers = request.headers();
        let webhook = self.webhook().await.map_err(|error| failed(&error))?;
        webhook.verify(text(headers, "x-hub-signature-256"), body).map_err(|refusal| refused(&refusal))?;
        let delivery = DeliveryId::new(required(headers, "x-github-delivery")?)
            .map_err(|error| (StatusCode::BAD_REQUEST, error.to_string()))?;
        let event = required(headers, "x-github-event")?;
        let media_type = text(headers, "content-type").unwrap_or_default();
        match webhook.read(event, media_type, body).map_err(|refusal| refused(&refusal))? {
            Received::Ignored(reason) => Ok((delivery, Some(reason))),
            Received::Event(event) => {
                let event = Box::new(event.into());
                let message = Message::Delivery { delivery: delivery.clone(), event, pipeline: None };
                self.queue.send(vec![message]).await.map_err(|error| failed(&error))?;
                Ok((delivery, None))
            }
        }
    }

    async fn webhook(&self) -> Result<GitHubWebhook, PortError> {
        let text = self.secrets.secret(&self.secret).await?;
        let signing = serde_json::from_str::<Signing>(&text).map_err(|_| {
            PortError::permanent("read the webhook's secret: it is not JSON with `current` and, while it is replaced, `previous`")
        })?;
        let secrets = [Some(signing.current), signing.previous].into_iter().flatten();
        Ok(GitHubWebhook::new(WebhookSecrets::new(secrets)))
    }
}

fn required<'a>(headers: &'a HeaderMap, name: &str) -> Result<&'a str, (StatusCode, String)> {
    let value = headers.get(name);
    let said = match value.map(HeaderValue::to_str) {
        Some(Ok(text)) => return Ok(text),
        Some(Err(_)) => {
            format!("the header {name} has characters other than printable ASCII; GitHub sends none")
        }
        None => format!("the header {name} is missing; GitHub sends it"),
    };
    Err((StatusCode::BAD_REQUEST, said))
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn refused(refusal: &WebhookRefusal) -> (StatusCode, String) {
    let status = match refusal {
        WebhookRefusal::Unsigned(_) => StatusCode::UNAUTHORIZED,
        WebhookRefusal::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        WebhookRefusal::MediaType(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        WebhookRefusal::Malformed(_) => StatusCode::BAD_REQUEST,
    };
    match refusal {
        WebhookRefusal::Unsigned(message) => (status, format!("{message} ({SECRETS})")),
        WebhookRefusal::TooLarge | WebhookRefusal::MediaType(_) | WebhookRefusal::Malformed(_) => {
            (status, refusal.to_string())
        }
    }
}

/// Strangers are not told what fails inside; the log is.
fn failed(error: &PortError) -> (StatusCode, String) {
    tracing::error!(%error, "a delivery was not queued");
    (StatusCode::SERVICE_UNAVAILABLE, "the delivery could not be queued; deliver it again".to_owned())
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use hmac::{Hmac, KeyInit, Mac};
    use lambda_http::http;
    use penstock_aws::telemetry::lines;
    use penstock_testkit::fake::{MemoryQueue, MemorySecrets};
    use penstock_testkit::kept_logs::KeptLogs;
    use sha2::Sha256;

    use super::*;

    fn handler() -> (Handler, Arc<MemoryQueue>) {
        let queue = Arc::new(MemoryQueue::default());
        let secrets = MemorySecrets(
            [("webhook".to_owned(), r#"{"current": "new", "previous": "old"}"#.to_owned())].into(),
        );
        let handler = Handler {
            secret: "webhook".to_owned(),
            secrets: Arc::new(secrets),
            queue: queue.clone(),
            patience: AT_MOST,
        };
        (handler, queue)
    }

    /// Never answers.
    struct Silent;

    #[async_trait]
    impl Secrets for Silent {
        async fn secret(&self, _name: &str) -> Result<String, PortError> {
            std::future::pending().await
        }
    }

    #[async_trait]
    impl Queue for Silent {
        async fn send(&self, _messages: Vec<Message>) -> Result<(), PortError> {
            std::future::pending().await
        }
    }

    /// Fails at once, and says how.
    struct Refusing;

    #[async_trait]
    impl Queue for Refusing {
        async fn send(&self, _messages: Vec<Message>) -> Result<(), PortError> {
            Err(PortError::permanent(
                "send to the queue arn:aws:sqs:eu-west-1:111122223333:commands: no right to it",
            ))
        }
    }

    /// Without patience, so that no test waits: what is there at once is taken all the same.
    #[tokio::test]
    async fn whatever_hangs_behind_an_answer_comes_and_asks_for_the_delivery_again() {
        assert!(AT_MOST < Duration::from_secs(1));
        let (ready, queue) = handler();
        let ready = Handler { patience: Duration::ZERO, ..ready };
        assert_eq!(answered(&ready, &request("push", "new", &push())).await.0, 202);
        assert!(queue.take().is_some());
        let (sound, _) = handler();
        for hanging in [
            Handler { secrets: Arc::new(Silent), patience: Duration::ZERO, ..handler().0 },
            Handler { queue: Arc::new(Silent), patience: Duration::ZERO, ..handler().0 },
            Handler { queue: Arc::new(Refusing), ..sound },
        ] {
            let (status, body) = answered(&hanging, &request("push", "new", &push())).await;
            assert_eq!(status, 503, "GitHub lists it among the failed ones: {body}");
            assert_eq!(
                body,
                r#"{"queued":false,"reason":"the delivery could not be queued; deliver it again"}"#
            );
        }
    }

    #[tokio::test]
    async fn no_secret_and_no_signature_is_logged() {
        let kept = KeptLogs::of(|to| lines("trace", move || to.clone()));
        let text = r#"{"current": "s3cret-of-today", "previous": "s3cret-before"}"#;
        for stored in [text, "s3cret-of-today"] {
            let secrets = MemorySecrets([("webhook".to_owned(), stored.to_owned())].into());
            let handler = Handler { secrets: Arc::new(secrets), ..handler().0 };
            for secret in ["s3cret-of-today", "s3cret-before", "s3cret-of-others"] {
                let request = request("push", secret, &push());
                answered(&handler, &request).await;
                let signature = text_of(&request, "x-hub-signature-256");
                let logged = kept.text();
                assert!(logged.contains("a delivery") && !logged.contains(&signature), "{logged}");
                assert!(!logged.contains("s3cret"), "{logged}");
            }
        }
    }

    fn text_of(request: &Request, header: &str) -> String {
        request.headers()[header].to_str().unwrap().trim_start_matches("sha256=").to_owned()
    }

    #[tokio::test]
    async fn a_body_over_the_limit_is_refused_with_the_way_out_before_anything_is_read() {
        let (sound, queue) = handler();
        let deaf = Handler { secrets: Arc::new(Silent), ..handler().0 };
        let padded = |length: usize| {
            let push = push();
            let rest = " ".repeat(length - push.len());
            request("push", "new", &(push + &rest))
        };
        let in_base64 = |length| padded(length).map(|body| Body::Binary(body.to_vec()));
        for (most, of) in
            [(MAX_BODY.text, &padded as &dyn Fn(usize) -> Request), (MAX_BODY.base64, &in_base64)]
        {
            let (status, body) = answered(&deaf, &of(most + 1)).await;
            assert_eq!(status, 413, "{body}");
            assert!(body.contains(&format!("{most} bytes")) && body.contains("penstock start"), "{body}");
            let (status, body) = answered(&sound, &of(most)).await;
            assert_eq!(status, 202, "{body}");
            assert!(queue.take().is_some());
        }
        // With what stands round them, they are below what Lambda takes.
        for invocation in [MAX_BODY.base64.div_ceil(3) * 4, MAX_BODY.text / 8 * 9] {
            assert!(invocation + (64 << 10) < 6_000_000);
        }
    }

    fn push() -> String {
        let commit = "0d1a26e67d8f5eaf1f6ba5c57fc3c7d91ac0fd1c";
        serde_json::json!({
            "ref": "refs/heads/main", "before": "0".repeat(40), "after": commit, "created": false, "deleted": false, "forced": false,
            "head_commit": {"id": commit, "message": "Light the lamp", "added": [], "removed": [], "modified": ["a"]},
            "commits": [{"id": commit, "message": "Light the lamp", "added": [], "removed": [], "modified": ["a"]}],
            "repository": {"full_name": "acme/web", "name": "web", "default_branch": "main", "owner": {"login": "acme"}},
            "pusher": {"name": "ada"}, "sender": {"login": "ada"}
        })
        .to_string()
    }

    fn request(event: &str, secret: &str, body: &str) -> Request {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
        mac.update(body.as_bytes());
        http::Request::post("/webhooks/github")
            .header("x-hub-signature-256", format!("sha256={}", hex::encode(mac.finalize().into_bytes())))
            .header("x-github-delivery", "6f5f4a12-delivery")
            .header("x-github-event", event)
            .header("content-type", "application/json")
            .body(Body::from(body))
            .unwrap()
    }

    async fn answered(handler: &Handler, request: &Request) -> (u16, String) {
        let response = handler.answer(request).await.unwrap();
        (response.status().as_u16(), String::from_utf8(response.body().to_vec()).unwrap())
    }

    #[tokio::test]
    async fn a_push_signed_under_either_secret_is_queued() {
        let (handler, queue) = handler();
        for secret in ["new", "old"] {
            let (status, body) = answered(&handler, &request("push", secret, &push())).await;
            assert_eq!((status, body.as_str()), (202, r#"{"deliveryId":"6f5f4a12-delivery","queued":true}"#));
            assert!(matches!(queue.take(), Some(Message::Delivery { .. })));
        }
    }

    #[tokio::test]
    async fn what_starts_nothing_is_acknowledged_with_the_reason() {
        let (handler, queue) = handler();
        let (status, body) = answered(
            &handler,
            &request("ping", "new", r#"{"zen": "Half measures are as bad as nothing at all."}"#),
        )
        .await;
        assert_eq!(status, 200, "{body}");
        assert!(body.contains("reason"), "{body}");
        assert!(queue.take().is_none());
    }

    /// HTTP lets a header have them (RFC 9110, section 5.5, `obs-text`).
    #[tokio::test]
    async fn a_header_with_other_characters_is_said_to_be_there() {
        let (handler, queue) = handler();
        for (header, absent) in
            [("x-github-delivery", true), ("x-github-delivery", false), ("x-github-event", false)]
        {
            let mut request = request("push", "new", &push());
            request.headers_mut().remove(header);
            if !absent {
                request.headers_mut().insert(header, HeaderValue::from_bytes("pusch-é".as_bytes()).unwrap());
            }
            let (status, body) = answered(&handler, &request).await;
            let expected = if absent { "is missing" } else { "printable ASCII" };
            assert!(status == 400 && body.contains(header) && body.contains(expected), "{body}");
        }
        assert!(queue.take().is_none());
    }

    #[tokio::test]
    async fn what_nobody_signed_is_refused() {
        let (handler, queue) = handler();
        let (status, body) = answered(&handler, &request("push", "stranger", &push())).await;
        assert_eq!(status, 401);
        assert!(body.contains("WebhookSecretArn") && !body.contains("PENSTOCK_"), "{body}");
        assert!(queue.take().is_none());
    }
}
