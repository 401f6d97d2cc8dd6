//! Keeps foreign web pages from driving the server: a page somewhere on the web can make a browser send requests to a
//! loopback address, and a name that resolves to it now and elsewhere before (DNS rebinding) can even read the answers.
//!
//! So a request must name the server by an IP address, `localhost` or a name it is known by, and whatever may change
//! something must not come from another origin. Two paths carry their own proof and need no such check: a webhook's
//! body is signed, and an approval's link is the right itself (whose pages send no referrer, hence `Origin: null`).

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::Web;
use crate::answer::Failure;

/// Refuses what a foreign page may have sent.
pub(crate) async fn check(State(web): State<Arc<Web>>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let signed = path == "/webhooks/github";
    if !signed && path != "/healthz" && !known(&web, &request) {
        let message = "the request names a host that this server is not known by; use its IP address, localhost, or configure its base URL";
        return Failure::new(StatusCode::MISDIRECTED_REQUEST, "UnknownHost", message).into_response();
    }
    let harmless = matches!(*request.method(), Method::GET | Method::HEAD);
    if !signed && !harmless && !path.starts_with("/approvals/") && is_foreign(request.headers()) {
        let message =
            "the request comes from a web page of another origin; only this server's own pages may do that";
        return Failure::new(StatusCode::FORBIDDEN, "ForeignOrigin", message).into_response();
    }
    next.run(request).await
}

fn known(web: &Web, request: &Request) -> bool {
    let named = request.headers().get(header::HOST).and_then(|value| value.to_str().ok());
    let authority = named.map_or_else(|| request.uri().authority().cloned(), |text| text.parse().ok());
    authority.is_some_and(|authority| is_known(&web.hosts, authority.host()))
}

fn is_known(hosts: &[String], host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let lower = bare.to_ascii_lowercase();
    bare.parse::<IpAddr>().is_ok()
        || lower == "localhost"
        || lower.ends_with(".localhost")
        || hosts.iter().any(|known| known.eq_ignore_ascii_case(bare))
}

/// Whether a browser says that a page of another origin sent the request. What is no browser says nothing.
pub fn is_foreign(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    if let Some(site) = text("sec-fetch-site") {
        return !matches!(site, "same-origin" | "none");
    }
    let Some(origin) = text("origin") else {
        return false;
    };
    let authority = origin.split_once("://").and_then(|(_, rest)| rest.parse::<Authority>().ok());
    let host = text("host").and_then(|host| host.parse::<Authority>().ok());
    authority.is_none() || authority != host
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn hosts_are_known_by_address_or_name() {
        let hosts = ["penstock.example.com".to_owned()];
        for host in ["127.0.0.1", "[::1]", "LOCALHOST", "web.localhost", "10.0.0.7", "Penstock.Example.com"] {
            assert!(is_known(&hosts, host), "{host}");
        }
        for host in ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", ""] {
            assert!(!is_known(&hosts, host), "{host}");
        }
    }

    #[test]
    fn only_own_pages_may_change_something() {
        let foreign = |pairs: &[(&'static str, &'static str)]| {
            let pairs = pairs.iter().map(|(name, value)| {
                (header::HeaderName::from_static(name), HeaderValue::from_static(value))
            });
            is_foreign(&pairs.collect())
        };
        assert!(!foreign(&[("host", "127.0.0.1:7878")]));
        assert!(!foreign(&[("host", "127.0.0.1:7878"), ("origin", "http://127.0.0.1:7878")]));
        assert!(!foreign(&[
            ("host", "127.0.0.1:7878"),
            ("origin", "null"),
            ("sec-fetch-site", "same-origin")
        ]));
        assert!(foreign(&[("host", "127.0.0.1:7878"), ("origin", "http://127.0.0.1:8080")]));
        assert!(foreign(&[("host", "127.0.0.1:7878"), ("origin", "null")]));
        assert!(foreign(&[("host", "127.0.0.1:7878"), ("sec-fetch-site", "cross-site")]));
        assert!(foreign(&[("host", "127.0.0.1:7878"), ("sec-fetch-site", "same-site")]));
    }
}
