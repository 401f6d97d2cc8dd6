//! What the functions are invoked with.

use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value as Json, json};
use sha2::Sha256;

/// The secret of everything.
pub(crate) const SECRET: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// A batch of no messages.
pub(crate) fn no_records() -> Json {
    json!({"Records": []})
}

/// What the schedule sends.
pub(crate) fn schedule() -> Json {
    json!({"source": "aws.scheduler"})
}

/// An event that is about nothing of ours.
pub(crate) fn foreign_event() -> Json {
    json!({
        "version": "0", "id": "6a7e8feb-b491-4cf7-a9f1-bf3703467718", "detail-type": "EC2 Instance State-change Notification",
        "source": "aws.ec2", "account": "000000000000", "time": "2026-01-02T03:04:05Z", "region": "us-east-1",
        "resources": [], "detail": {"state": "running"},
    })
}

/// GitHub's first delivery to a webhook.
pub(crate) fn ping() -> Json {
    let body =
        json!({"zen": "Keep it logically awesome.", "hook_id": 1, "repository": {"full_name": "acme/shop"}})
            .to_string();
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).expect("a key");
    mac.update(body.as_bytes());
    let signature = format!("sha256={}", hex::encode(mac.finalize().into_bytes()));
    let headers = json!({
        "content-type": "application/json", "x-github-event": "ping", "x-github-delivery": "d-1",
        "x-hub-signature-256": signature,
    });
    http("POST", "/webhooks/github", &headers, &body)
}

/// A link of an approval that is not there.
pub(crate) fn unknown_link() -> Json {
    http("GET", "/approvals/unknown", &json!({}), "")
}

/// An operation of `CodePipeline`'s API.
pub(crate) fn list_pipelines() -> Json {
    let headers = json!({
        "content-type": "application/x-amz-json-1.1", "x-amz-target": "CodePipeline_20150709.ListPipelines",
    });
    http("POST", "/", &headers, "{}")
}

/// A request as the HTTP API hands it on (payload format 2.0).
fn http(method: &str, path: &str, headers: &Json, body: &str) -> Json {
    let mut headers = headers.clone();
    headers["host"] = json!("127.0.0.1");
    json!({
        "version": "2.0", "routeKey": "$default", "rawPath": path, "rawQueryString": "", "headers": headers,
        "requestContext": {
            "accountId": "000000000000", "apiId": "api", "domainName": "127.0.0.1", "domainPrefix": "api",
            "http": {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1", "userAgent": "bench"},
            "requestId": "id", "routeKey": "$default", "stage": "$default",
            "time": "02/Jan/2026:03:04:05 +0000", "timeEpoch": 1_767_323_045_000_u64,
        },
        "body": body, "isBase64Encoded": false,
    })
}
