//! Takes requests on loopback from clients that know nothing of the API's authorisation, and passes them on signed anew.
//!
//! Whoever reaches the port acts with these credentials, so requests must name this machine (DNS rebinding) and what a
//! browser sends for a page of another origin is refused, as the server on one machine does.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use penstock_web::is_foreign;
use serde_json::json;

use super::is_loopback;
use crate::client::Sign;
use crate::show::clean::clean;

/// The largest request body: what API Gateway's HTTP APIs take (its quotas), since a signature covers the whole of it.
const MAX_BODY: usize = 10 << 20;

/// Headers that concern one connection (RFC 9110, 7.6.1), or the client's own signature and origin.
const OF_THE_CLIENT: [&str; 17] = [
    "authorization",
    "connection",
    "content-length",
    "cookie",
    "expect",
    "forwarded",
    "host",
    "keep-alive",
    "origin",
    "proxy-authorization",
    "proxy-connection",
    "referer",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "x-amzn-trace-id",
];
/// How the names of more such headers begin.
const BEGINNINGS: [&str; 3] = ["sec-fetch-", "x-forwarded-", "access-control-request-"];
/// What a signature leaves in headers.
const SIGNATURE: [&str; 3] = ["x-amz-date", "x-amz-security-token", "x-amz-content-sha256"];
/// Headers of an answer that concern one connection.
const OF_THE_CONNECTION: [&str; 5] =
    ["connection", "keep-alive", "strict-transport-security", "transfer-encoding", "upgrade"];

/// Passes requests on to one API.
pub(crate) struct Proxy {
    /// The API's URL, without a slash at its end.
    pub(crate) api: String,
    /// Signs for it.
    pub(crate) signer: Arc<dyn Sign>,
    /// Sends.
    pub(crate) http: reqwest::Client,
}

/// The router that passes everything on.
pub(crate) fn router(proxy: Proxy) -> Router {
    Router::new().fallback(pass_on).with_state(Arc::new(proxy))
}

async fn pass_on(State(proxy): State<Arc<Proxy>>, request: Request) -> Response {
    if !names_this_machine(&request) {
        let message = "the request names another host than this machine; use 127.0.0.1 or localhost";
        return refusal(StatusCode::MISDIRECTED_REQUEST, "UnknownHost", message);
    }
    let harmless = matches!(*request.method(), Method::GET | Method::HEAD);
    if !harmless && is_foreign(request.headers()) {
        let message = "the request comes from a web page of another origin; only the pages behind this proxy may do that";
        return refusal(StatusCode::FORBIDDEN, "ForeignOrigin", message);
    }
    match proxy.forward(request).await {
        Ok(response) => response,
        Err(Failed::TooLarge) => {
            let message =
                format!("the request has more than {MAX_BODY} bytes, which API Gateway does not take");
            refusal(StatusCode::PAYLOAD_TOO_LARGE, "TooLarge", &message)
        }
        Err(Failed::Other(error)) => {
            refusal(StatusCode::BAD_GATEWAY, "BadGateway", &clean(&format!("{error:#}")))
        }
    }
}

/// Why a request was not passed on.
enum Failed {
    TooLarge,
    Other(anyhow::Error),
}

impl<E: Into<anyhow::Error>> From<E> for Failed {
    fn from(error: E) -> Self {
        Self::Other(error.into())
    }
}

impl Proxy {
    async fn forward(&self, request: Request) -> Result<Response, Failed> {
        let (parts, body) = request.into_parts();
        let body: Bytes = to_bytes(body, MAX_BODY).await.map_err(|_| Failed::TooLarge)?;
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
        let mut request = reqwest::Request::new(parts.method, format!("{}{path}", self.api).parse()?);
        *request.headers_mut() = kept(parts.headers);
        if !body.is_empty() {
            *request.body_mut() = Some(body.into());
        }
        self.signer.sign(&mut request).await?;
        let response = self.http.execute(request).await.map_err(|error| {
            anyhow::Error::from(error.without_url()).context(format!("no answer from {}", self.api))
        })?;
        Ok(self.answer(response))
    }

    /// The API's answer, passed on as it comes in.
    fn answer(&self, response: reqwest::Response) -> Response {
        let (status, mut headers) = (response.status(), response.headers().clone());
        OF_THE_CONNECTION.iter().for_each(|name| {
            headers.remove(*name);
        });
        let location =
            headers.get(header::LOCATION).and_then(|value| value.to_str().ok()?.strip_prefix(&self.api));
        if let Some(here) = location.and_then(|path| HeaderValue::from_str(path).ok()) {
            headers.insert(header::LOCATION, here);
        }
        let mut answer = Response::new(Body::from_stream(response.bytes_stream()));
        *answer.status_mut() = status;
        *answer.headers_mut() = headers;
        answer
    }
}

/// What of a client's headers goes on.
fn kept(headers: HeaderMap) -> HeaderMap {
    let mut kept = HeaderMap::new();
    let mut current: Option<HeaderName> = None;
    // A header with several values names itself once.
    for (name, value) in headers {
        current = name.or(current);
        let Some(name) = &current else { continue };
        let text = name.as_str();
        let dropped = OF_THE_CLIENT.contains(&text)
            || SIGNATURE.contains(&text)
            || BEGINNINGS.iter().any(|beginning| text.starts_with(beginning));
        if !dropped {
            kept.append(name.clone(), value);
        }
    }
    kept
}

fn names_this_machine(request: &Request) -> bool {
    let named = request.headers().get(header::HOST).and_then(|value| value.to_str().ok());
    let authority = named.map_or_else(|| request.uri().authority().cloned(), |text| text.parse().ok());
    authority.is_some_and(|authority: Authority| is_loopback(authority.host()))
}

/// In the shape in which both AWS's clients and ours look for a message.
fn refusal(status: StatusCode, code: &str, message: &str) -> Response {
    let body = json!({ "__type": code, "message": message }).to_string();
    (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        pairs.iter().map(pair).collect()
    }

    #[test]
    fn the_clients_signature_and_connection_stay_behind() {
        let kept = kept(headers(&[
            ("authorization", "AWS4-HMAC-SHA256 ..."),
            ("x-amz-date", "20260101T000000Z"),
            ("x-amz-security-token", "t"),
            ("x-amz-target", "CodePipeline_20150709.ListPipelines"),
            ("content-type", "application/x-amz-json-1.1"),
            ("host", "127.0.0.1:7879"),
            ("cookie", "of=another"),
            ("sec-fetch-site", "same-origin"),
            ("accept", "text/html"),
        ]));
        let mut names: Vec<&str> = kept.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["accept", "content-type", "x-amz-target"]);
    }

    #[test]
    fn requests_must_name_this_machine() {
        let named = |host: &str| {
            let request = Request::builder().uri("/").header("host", host).body(Body::empty()).unwrap();
            names_this_machine(&request)
        };
        for host in ["127.0.0.1:7879", "[::1]:7879", "localhost", "penstock.localhost:1"] {
            assert!(named(host), "{host}");
        }
        for host in ["evil.example", "10.0.0.7", "127.0.0.1.evil.example:7879", "localhost.evil.example"] {
            assert!(!named(host), "{host}");
        }
    }
}
