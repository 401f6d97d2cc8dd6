//! API Gateway's check of signatures (IAM user guide, "Create a signed AWS API request"), written here once more: what
//! it lets through, a service that knows nothing of our signer lets through.

use std::fmt::Write;
use std::sync::atomic::{AtomicU32, Ordering};

use axum::body::Bytes;
use axum::http::{Request, Response, StatusCode};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use crate::relay::Way;

/// Lets through what is signed for `execute-api` in `us-east-1` with the account's key.
#[derive(Default)]
pub(crate) struct Gate {
    passed: AtomicU32,
}

impl Gate {
    /// How many requests were let through.
    pub(crate) fn passed(&self) -> u32 {
        self.passed.load(Ordering::Relaxed)
    }
}

impl Way for Gate {
    fn answer(&self, request: &Request<Bytes>) -> Option<Response<String>> {
        match verify(request) {
            Ok(()) => {
                self.passed.fetch_add(1, Ordering::Relaxed);
                None
            }
            Err(_) => {
                let answer = Response::builder().status(StatusCode::FORBIDDEN);
                let answer = answer.header("content-type", "application/json");
                Some(answer.body(r#"{"message":"Forbidden"}"#.to_owned()).unwrap())
            }
        }
    }
}

fn text<'a>(request: &'a Request<Bytes>, name: &str) -> Option<&'a str> {
    request.headers().get(name)?.to_str().ok()
}

fn verify(request: &Request<Bytes>) -> Result<(), &'static str> {
    let authorization = text(request, "authorization").ok_or("no signature")?;
    let part = |name: &str| {
        let rest = authorization.split_once(&format!("{name}="))?.1;
        Some(rest.split(',').next().unwrap_or(rest))
    };
    let scope = part("Credential").and_then(|it| it.strip_prefix("test/")).ok_or("another key")?;
    let date = scope.strip_suffix("/us-east-1/execute-api/aws4_request").ok_or("another scope")?;
    let time = text(request, "x-amz-date").filter(|time| time.starts_with(date)).ok_or("another date")?;
    let hash = hex::encode(Sha256::digest(request.body()));
    if text(request, "x-amz-content-sha256") != Some(&hash) {
        return Err("another body");
    }
    let signed = part("SignedHeaders").ok_or("no list of headers")?;
    for needed in ["host", "x-amz-date"] {
        if !signed.split(';').any(|name| name == needed) {
            return Err("a header is not signed");
        }
    }
    let canonical = canonical(request, signed, &hash);
    let to_sign =
        format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{}", hex::encode(Sha256::digest(canonical.as_bytes())));
    let key = scope.split('/').fold(b"AWS4test".to_vec(), |key, part| mac(&key, part));
    let expected = hex::encode(mac(&key, &to_sign));
    if part("Signature") == Some(&expected) { Ok(()) } else { Err("another signature") }
}

fn canonical(request: &Request<Bytes>, signed: &str, hash: &str) -> String {
    // The path as it is sent, encoded once more.
    let path = request.uri().path().bytes().fold(String::new(), |mut path, byte| {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                path.push(char::from(byte));
            }
            byte => write!(path, "%{byte:02X}").unwrap(),
        }
        path
    });
    let mut query: Vec<String> = request
        .uri()
        .query()
        .into_iter()
        .flat_map(|query| query.split('&'))
        .map(|pair| if pair.contains('=') { pair.to_owned() } else { format!("{pair}=") })
        .collect();
    query.sort();
    let headers = signed.split(';').fold(String::new(), |mut headers, name| {
        writeln!(headers, "{name}:{}", text(request, name).unwrap_or_default().trim()).unwrap();
        headers
    });
    format!("{}\n{path}\n{}\n{headers}\n{signed}\n{hash}", request.method(), query.join("&"))
}

fn mac(key: &[u8], text: &str) -> Vec<u8> {
    let mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.chain_update(text).finalize().into_bytes().to_vec()
}
