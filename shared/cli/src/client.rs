//! The way to a Penstock server over HTTP: its own endpoints, and `CodePipeline`'s API for the rest.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use penstock_model::diagnostic::Diagnostic;
use reqwest::{Method, Request, RequestBuilder, Response, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;

use crate::exit::{Exit, Failure};
use crate::reach::me;

pub(crate) mod executions;
mod reach;
pub(crate) mod suggest;

/// Signs requests to a server that admits only signed ones.
#[async_trait]
pub(crate) trait Sign: Debug + Send + Sync {
    /// Adds the signature to `request`, which is then sent as it is.
    async fn sign(&self, request: &mut Request) -> anyhow::Result<()>;
}

/// The target prefix of `CodePipeline`'s API in AWS JSON 1.1.
const TARGET: &str = "CodePipeline_20150709";

/// A server that is asked over HTTP.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    endpoint: String,
    http: reqwest::Client,
    signer: Option<Arc<dyn Sign>>,
    /// See [`Self::again`].
    again: String,
}

/// A server's refusal of a definition.
#[derive(Debug, thiserror::Error)]
#[error("the server refuses the definition")]
pub(crate) struct Refused {
    /// What is wrong.
    pub(crate) diagnostics: Vec<Diagnostic>,
}

impl Client {
    /// A client of the server at `endpoint`, such as `http://127.0.0.1:7878`.
    pub(crate) fn new(endpoint: &str) -> anyhow::Result<Self> {
        // A second installation of the same provider is refused and changes nothing.
        let _ = rustls::crypto::ring::default_provider().install_default();
        // A proxy of the environment is for the internet, not for a server on this machine.
        let http = reqwest::Client::builder().no_proxy().connect_timeout(Duration::from_secs(5)).build()?;
        Ok(Self {
            endpoint: endpoint.trim_end_matches('/').to_owned(),
            http,
            signer: None,
            again: String::new(),
        })
    }

    /// A client of the API at `endpoint` that lets `signer` sign each request; `http` sends them.
    #[cfg(feature = "aws")]
    pub(crate) fn signed(endpoint: &str, http: reqwest::Client, signer: Arc<dyn Sign>) -> Self {
        let endpoint = endpoint.trim_end_matches('/').to_owned();
        Self { endpoint, http, signer: Some(signer), again: String::new() }
    }

    /// The same, which another command reaches with `options`.
    #[must_use]
    pub(crate) fn reached_by(mut self, options: String) -> Self {
        self.again = options;
        self
    }

    /// What a command that is suggested has to say to reach the same server, with a space before it; empty if it
    /// follows from the environment.
    pub(crate) fn again(&self) -> &str {
        &self.again
    }

    /// The answer to a GET of one of Penstock's own endpoints.
    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<T> {
        self.read(self.send(self.request(Method::GET, path)).await?).await
    }

    /// The answer to a POST of one of Penstock's own endpoints.
    pub(crate) async fn post<T: DeserializeOwned>(&self, path: &str, body: &Json) -> anyhow::Result<T> {
        self.read(self.send(self.request(Method::POST, path).json(body)).await?).await
    }

    /// The answer to a POST of a file as it is.
    pub(crate) async fn post_text<T: DeserializeOwned>(&self, path: &str, body: String) -> anyhow::Result<T> {
        self.read(self.send(self.request(Method::POST, path).body(body)).await?).await
    }

    /// The answer to an operation of `CodePipeline`'s API.
    pub(crate) async fn operation(&self, name: &str, body: &Json) -> anyhow::Result<Json> {
        let request = self
            .request(Method::POST, "/")
            .header("content-type", "application/x-amz-json-1.1")
            .header("x-amz-target", format!("{TARGET}.{name}"))
            .body(body.to_string());
        let text = self.send(request).await?.text().await?;
        if text.is_empty() { Ok(Json::Null) } else { serde_json::from_str(&text).map_err(|_| self.foreign()) }
    }

    async fn read<T: DeserializeOwned>(&self, response: Response) -> anyhow::Result<T> {
        let bytes = response.bytes().await.map_err(|error| self.unreachable(&error))?;
        serde_json::from_slice(&bytes).map_err(|_| self.foreign())
    }

    /// The answer of some other program, which listens where a Penstock was looked for.
    fn foreign(&self) -> anyhow::Error {
        let message = format!(
            "what answers at {} is no Penstock; start one with `penstock up`, or name another with --endpoint or PENSTOCK_ENDPOINT",
            self.endpoint
        );
        Failure::new(Exit::Unreachable, message).into()
    }

    /// A request to the server.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.endpoint));
        let me = me();
        // A name that no header can carry is left to the server to call something.
        if me.is_ascii() { request.header("penstock-user", me) } else { request }
    }

    /// Sends a request; anything but success is an error that says what to do.
    pub(crate) async fn send(&self, request: RequestBuilder) -> anyhow::Result<Response> {
        let mut request = request.build()?;
        if let Some(signer) = &self.signer {
            signer.sign(&mut request).await?;
        }
        let response = self.http.execute(request).await.map_err(|error| self.unreachable(&error))?;
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status();
        let text = response.text().await.unwrap_or_default();
        if self.signer.is_none() && !is_ours(&text) {
            return Err(self.foreign());
        }
        let error = refusal(status, &text);
        match (&self.signer, status) {
            (Some(_), StatusCode::FORBIDDEN) => Err(forbidden(&self.endpoint, &error)),
            (Some(_) | None, _) => Err(error),
        }
    }

    fn unreachable(&self, error: &reqwest::Error) -> anyhow::Error {
        let mut cause: &dyn std::error::Error = error;
        while let Some(next) = cause.source() {
            cause = next;
        }
        let endpoint = &self.endpoint;
        let message = match &self.signer {
            None => format!(
                "no Penstock answers at {endpoint} ({cause}); start one with `penstock up`, or name another with --endpoint or PENSTOCK_ENDPOINT"
            ),
            Some(_) => format!(
                "no answer from {endpoint} ({cause}); is the stack still deployed, and does this network let you out?"
            ),
        };
        Failure::new(Exit::Unreachable, message).into()
    }
}

/// The shapes in which a server says no: its own, and AWS's.
#[derive(Debug, Default, Deserialize)]
struct Refusal {
    #[serde(default, alias = "__type")]
    code: String,
    #[serde(default, alias = "Message")]
    message: String,
    #[serde(default)]
    diagnostics: Vec<Diagnostic>,
}

/// Whether a refusal has a shape in which Penstock refuses.
fn is_ours(body: &str) -> bool {
    serde_json::from_str::<Refusal>(body).is_ok_and(|refusal| {
        !(refusal.code.is_empty() && refusal.message.is_empty() && refusal.diagnostics.is_empty())
    })
}

fn refusal(status: StatusCode, body: &str) -> anyhow::Error {
    let refusal: Refusal = serde_json::from_str(body).unwrap_or_default();
    if !refusal.diagnostics.is_empty() {
        return Refused { diagnostics: refusal.diagnostics }.into();
    }
    let message = match (refusal.message.as_str(), refusal.code.as_str()) {
        ("", "") => format!("the server answers {status}: {}", body.chars().take(300).collect::<String>()),
        ("", code) => code.to_owned(),
        (message, _) => message.to_owned(),
    };
    Failure::new(exit(status, &refusal.code), message).into()
}

/// API Gateway's refusal of a signed request, with what it takes.
fn forbidden(endpoint: &str, error: &anyhow::Error) -> anyhow::Error {
    let message = format!(
        "{endpoint} does not let you in: {error:#}; allow your role execute-api:Invoke on this API, or sign in as another with AWS_PROFILE"
    );
    Failure::new(Exit::Failed, message).into()
}

/// What is named wrongly or is not there is wrong use; what the pipeline does not allow as it stands is a rejection.
fn exit(status: StatusCode, code: &str) -> Exit {
    let code = code.rsplit('#').next().unwrap_or(code);
    let misused = ["NotFound", "DoesNotExist", "Validation", "Invalid", "NotSupported"];
    match status {
        StatusCode::NOT_FOUND | StatusCode::UNPROCESSABLE_ENTITY => Exit::Misused,
        StatusCode::CONFLICT => Exit::Stopped,
        StatusCode::BAD_REQUEST if misused.iter().any(|word| code.contains(word)) => Exit::Misused,
        StatusCode::BAD_REQUEST if code.ends_with("Exception") => Exit::Stopped,
        StatusCode::BAD_REQUEST => Exit::Misused,
        _ => Exit::Failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_carry_the_right_exit_code() {
        let of = |status, body| crate::exit::of(&refusal(status, body));
        assert_eq!(of(StatusCode::NOT_FOUND, r#"{"code":"NotFound","message":"x"}"#), Exit::Misused);
        assert_eq!(of(StatusCode::BAD_REQUEST, r#"{"__type":"PipelineNotFoundException"}"#), Exit::Misused);
        assert_eq!(of(StatusCode::BAD_REQUEST, r#"{"__type":"StageNotRetryableException"}"#), Exit::Stopped);
        assert_eq!(of(StatusCode::CONFLICT, "{}"), Exit::Stopped);
        assert_eq!(of(StatusCode::INTERNAL_SERVER_ERROR, "oops"), Exit::Failed);
    }

    #[test]
    fn the_refusal_of_another_program_is_told_apart() {
        assert!(is_ours(r#"{"code":"NotFound","message":"x"}"#));
        assert!(is_ours(r#"{"__type":"PipelineNotFoundException"}"#));
        for foreign in ["", "<h1>404</h1>", "{}", "[]", r#"{"detail":"x"}"#] {
            assert!(!is_ours(foreign), "{foreign}");
        }
    }
}
