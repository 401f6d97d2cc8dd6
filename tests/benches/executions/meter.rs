//! What stands between the functions and the emulator's `DynamoDB`: it hands everything on and remembers it.
//!
//! A function has a meter of its own, so that the meter knows whose calls it sees.

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};

use aws_sdk_lambda::types::Environment;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, Method, Response, Uri};
use serde_json::Value as Json;
use tokio::net::TcpListener;

use crate::stack::Stack;

/// The functions that reach the table.
const FUNCTIONS: [&str; 8] =
    ["Observer", "Approval", "Api", "Transition", "Action", "Artifact", "Notification", "Sweeper"];
/// What belongs to one connection.
const OF_A_CONNECTION: [&str; 3] = ["connection", "content-length", "transfer-encoding"];

/// A call and its answer.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) function: String,
    pub(crate) operation: String,
    pub(crate) request: Json,
    pub(crate) answer: Json,
    pub(crate) succeeded: bool,
}

/// All meters together.
pub(crate) struct Meter(Arc<Mutex<Vec<Call>>>);

struct Line {
    function: String,
    emulator: String,
    http: reqwest::Client,
    calls: Arc<Mutex<Vec<Call>>>,
}

impl Meter {
    /// Lets the functions of `stack` reach the table through meters.
    pub(crate) async fn install(stack: &Stack) -> Self {
        let calls = Arc::new(Mutex::new(vec![]));
        for function in FUNCTIONS {
            let line = Line {
                function: function.to_lowercase(),
                emulator: stack.emulator.url(),
                http: reqwest::Client::builder().no_proxy().build().unwrap(),
                calls: calls.clone(),
            };
            let url = line.serve().await;
            point(stack, stack.resource(&format!("{function}Function")), &url).await;
        }
        Self(calls)
    }

    /// All calls so far.
    pub(crate) fn calls(&self) -> Vec<Call> {
        self.0.lock().unwrap().clone()
    }
}

impl Line {
    async fn serve(self) -> String {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(hand_on).with_state(Arc::new(self));
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        url
    }
}

async fn point(stack: &Stack, function: &str, url: &str) {
    let lambda = aws_sdk_lambda::Client::new(&stack.sdk());
    let now = lambda.get_function_configuration().function_name(function).send().await.unwrap();
    let mut variables = now.environment().and_then(|it| it.variables()).cloned().unwrap_or_default();
    variables.insert("AWS_ENDPOINT_URL_DYNAMODB".to_owned(), url.to_owned());
    let environment = Environment::builder().set_variables(Some(variables)).build();
    let update = lambda.update_function_configuration().function_name(function);
    update.environment(environment).send().await.unwrap();
}

/// The host's name stays as it was sent: it is part of what was signed.
async fn hand_on(
    State(line): State<Arc<Line>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let target = headers.get("x-amz-target").and_then(|it| it.to_str().ok()).unwrap_or_default();
    let operation = target.rsplit('.').next().unwrap_or_default().to_owned();
    let request = line.http.request(method, format!("{}{uri}", line.emulator));
    let answer = request.headers(travelling(&headers)).body(body.clone()).send().await.unwrap();
    let (status, headers) = (answer.status(), travelling(answer.headers()));
    let bytes = answer.bytes().await.unwrap();
    line.calls.lock().unwrap().push(Call {
        function: line.function.clone(),
        operation,
        request: serde_json::from_slice(&body).unwrap_or_default(),
        answer: serde_json::from_slice(&bytes).unwrap_or_default(),
        succeeded: status.is_success(),
    });
    let mut response = Response::new(Body::from(bytes));
    (*response.status_mut(), *response.headers_mut()) = (status, headers);
    response
}

fn travelling(headers: &HeaderMap) -> HeaderMap {
    let mut headers = headers.clone();
    for name in OF_A_CONNECTION {
        headers.remove(HeaderName::from_static(name));
    }
    headers
}
