//! What stand-ins of AWS services share that speak AWS JSON 1.1: a server on loopback, a record of the requests, answers
//! that get lost, and the model that `botocore` ships, to which requests and answers are held.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State as Extracted;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde_json::{Value as Json, json};
use tokio::runtime::Runtime;

use crate::service_model::ServiceModel;

/// A request that was made.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// Such as `StartBuild`.
    pub operation: String,
    /// Its body.
    pub body: Json,
    /// The access key that signed it.
    pub access_key: Option<String>,
    /// The region that it was signed for.
    pub region: Option<String>,
}

/// A refusal, as the service words it.
#[derive(Debug, Clone)]
pub struct Refusal {
    /// Such as `ResourceNotFoundException`.
    pub code: String,
    /// Why.
    pub message: String,
}

impl Refusal {
    /// With this code and message.
    pub fn new(code: &str, message: impl Into<String>) -> Self {
        Self { code: code.to_owned(), message: message.into() }
    }
}

/// What a stand-in does with requests.
pub trait Operations: Send + Sync + 'static {
    /// Carries a request out.
    ///
    /// # Errors
    /// [`Refusal`], which the caller is answered with.
    fn carry_out(&self, operation: &str, body: &Json) -> Result<Json, Refusal>;
}

/// The server of a stand-in; it ends when this is dropped.
pub struct JsonService {
    address: SocketAddr,
    shared: Arc<Shared>,
    runtime: Option<Runtime>,
}

struct Shared {
    operations: Arc<dyn Operations>,
    model: Option<ServiceModel>,
    requests: Mutex<Vec<Recorded>>,
    lost: Mutex<Vec<String>>,
    refused: Mutex<Vec<(String, Refusal)>>,
}

impl JsonService {
    /// Starts it on a free loopback port. With a `model`, requests that it does not know are a `ValidationException`.
    ///
    /// # Panics
    /// If it cannot.
    pub fn start(operations: Arc<dyn Operations>, model: Option<ServiceModel>) -> Self {
        let shared = Arc::new(Shared {
            operations,
            model,
            requests: Mutex::default(),
            lost: Mutex::default(),
            refused: Mutex::default(),
        });
        let runtime = Runtime::new().expect("a runtime");
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free loopback port");
        let address = listener.local_addr().expect("its address");
        listener.set_nonblocking(true).expect("a listener for tokio");
        runtime.spawn(serve(listener, Arc::clone(&shared)));
        Self { address, shared, runtime: Some(runtime) }
    }

    /// Its endpoint, without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The requests so far.
    pub fn requests(&self) -> Vec<Recorded> {
        held(&self.shared.requests).clone()
    }

    /// How many requests of `operation` there were.
    pub fn count(&self, operation: &str) -> usize {
        held(&self.shared.requests).iter().filter(|request| request.operation == operation).count()
    }

    /// The next request of `operation` is carried out and its answer lost.
    pub fn lose_next_answer(&self, operation: &str) {
        held(&self.shared.lost).push(operation.to_owned());
    }

    /// The next request of `operation` is refused.
    pub fn refuse_next(&self, operation: &str, refusal: Refusal) {
        held(&self.shared.refused).push((operation.to_owned(), refusal));
    }
}

impl Drop for JsonService {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // Not waited for: a runtime may not be waited for within another.
            runtime.shutdown_background();
        }
    }
}

impl Shared {
    fn carry_out(&self, operation: &str, body: &Json) -> Result<Json, Refusal> {
        let mut refused = held(&self.refused);
        if let Some(index) = refused.iter().position(|(refused, _)| refused == operation) {
            return Err(refused.remove(index).1);
        }
        drop(refused);
        if let Some(model) = &self.model {
            let checked = model.check(operation, body);
            checked.map_err(|problem| Refusal::new("ValidationException", problem))?;
        }
        let answer = self.operations.carry_out(operation, body)?;
        if let Some(model) = &self.model {
            let checked = model.check_answer(operation, &answer);
            // A fault of the stand-in's: whoever asked is told, so that the test fails with it.
            checked.map_err(|problem| Refusal::new("AnswerOutsideTheModel", problem))?;
        }
        Ok(answer)
    }
}

async fn serve(listener: std::net::TcpListener, shared: Arc<Shared>) {
    let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
    let router = Router::new().route("/", post(answer)).with_state(shared);
    axum::serve(listener, router).await.expect("a server");
}

async fn answer(Extracted(shared): Extracted<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Response {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let operation = text("x-amz-target").rsplit('.').next().unwrap_or_default().to_owned();
    let answered = match serde_json::from_slice::<Json>(&body) {
        Ok(body) => {
            let (access_key, region) = signer(text("authorization")).unzip();
            let recorded = Recorded { operation: operation.clone(), body: body.clone(), access_key, region };
            held(&shared.requests).push(recorded);
            shared.carry_out(&operation, &body)
        }
        Err(error) => Err(Refusal::new("SerializationException", error.to_string())),
    };
    let mut lost = held(&shared.lost);
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

/// The access key and the region of `KEY/DATE/REGION/SERVICE/aws4_request`.
fn signer(authorization: &str) -> Option<(String, String)> {
    let mut scope = authorization.split("Credential=").nth(1)?.split('/');
    let key = scope.next()?;
    Some((key.to_owned(), scope.nth(1)?.to_owned()))
}

/// What a mutex holds, whatever became of those who held it before.
pub(crate) fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
