//! The Runtime API of Lambda for one process, and an AWS behind it that answers at once.
//!
//! Source: Lambda developer guide, "Using the Lambda runtime API for custom runtimes".

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Response, StatusCode};
use axum::routing::{get, post};
use serde_json::Value as Json;
use tokio::net::TcpListener;
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinHandle;

use crate::answers;

/// How long a function may take to answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// What the process did.
enum Seen {
    Asked(Instant),
    Answered(Instant),
    Failed(String),
}

struct Shared {
    seen: mpsc::UnboundedSender<Seen>,
    events: Mutex<mpsc::UnboundedReceiver<Json>>,
}

/// Serves one process.
pub(crate) struct Runtime {
    url: String,
    events: mpsc::UnboundedSender<Json>,
    seen: mpsc::UnboundedReceiver<Seen>,
    server: JoinHandle<()>,
}

impl Runtime {
    /// Serves on a free loopback port.
    pub(crate) async fn serve() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("its address"));
        let ((events, waiting), (tell, seen)) = (mpsc::unbounded_channel(), mpsc::unbounded_channel());
        let shared = Arc::new(Shared { seen: tell, events: Mutex::new(waiting) });
        let router = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{id}/{what}", post(answered))
            .route("/2018-06-01/runtime/init/error", post(failed))
            .fallback(answers::answer)
            .with_state(shared);
        let server = tokio::spawn(async move { axum::serve(listener, router).await.expect("it serves") });
        Self { url, events, seen, server }
    }

    /// Its address.
    pub(crate) fn url(&self) -> String {
        self.url.clone()
    }

    /// When the process asks for an invocation.
    pub(crate) async fn asked(&mut self) -> Instant {
        match self.next().await {
            Seen::Asked(at) => at,
            Seen::Answered(_) => panic!("the function answers what nobody asked"),
            Seen::Failed(why) => panic!("the function failed: {why}"),
        }
    }

    /// From handing out `event` to its answer; the process asks again afterwards.
    pub(crate) async fn invoke(&mut self, event: Json) -> Duration {
        let begun = Instant::now();
        self.events.send(event).expect("the process waits");
        let ended = match self.next().await {
            Seen::Answered(at) => at,
            Seen::Asked(_) => panic!("the function asks without having answered"),
            Seen::Failed(why) => panic!("the invocation failed: {why}"),
        };
        self.asked().await;
        ended - begun
    }

    async fn next(&mut self) -> Seen {
        let seen = tokio::time::timeout(PATIENCE, self.seen.recv()).await;
        seen.expect("the function answers in time").expect("the server runs")
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn next(State(shared): State<Arc<Shared>>) -> Response<Body> {
    let _ = shared.seen.send(Seen::Asked(Instant::now()));
    let Some(event) = shared.events.lock().await.recv().await else {
        return answers::status(StatusCode::GONE, "");
    };
    Response::builder()
        .header("content-type", "application/json")
        .header("lambda-runtime-aws-request-id", "8476a536-e9f4-11e8-9739-2dfe598c3fcd")
        .header("lambda-runtime-deadline-ms", "9999999999999")
        .header("lambda-runtime-invoked-function-arn", "arn:aws:lambda:us-east-1:000000000000:function:f")
        .header("lambda-runtime-trace-id", "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Sampled=0")
        .body(Body::from(event.to_string()))
        .expect("an answer")
}

async fn answered(
    State(shared): State<Arc<Shared>>,
    Path((_, what)): Path<(String, String)>,
    body: Bytes,
) -> Response<Body> {
    let at = Instant::now();
    let text = String::from_utf8_lossy(&body);
    // An HTTP function answers its own errors with a status.
    let broken = serde_json::from_slice::<Json>(&body)
        .is_ok_and(|answer| answer["statusCode"].as_u64().is_some_and(|status| status >= 500));
    let seen =
        if what == "response" && !broken { Seen::Answered(at) } else { Seen::Failed(text.into_owned()) };
    let _ = shared.seen.send(seen);
    answers::status(StatusCode::ACCEPTED, "{}")
}

async fn failed(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Response<Body> {
    let _ = shared.seen.send(Seen::Failed(format!("{headers:?} {}", String::from_utf8_lossy(&body))));
    answers::status(StatusCode::ACCEPTED, "{}")
}
