//! The router as callers with a signature reach it: who asks is what API Gateway says, never what the request says. Each
//! answer is a line in the log, with who asked for what.

mod log;

use axum::Router;
use axum::extract::Request;
use axum::http::HeaderValue;
use axum::middleware::{from_fn, map_request};
use lambda_http::request::RequestContext;
use penstock_web::Web;

/// The header by which the router is told who asks.
pub(crate) const CALLER: &str = "penstock-user";

/// The router that serves `web` to callers whose signature was checked.
pub(crate) fn router(web: Web) -> Router {
    penstock_web::router(web).layer(from_fn(log::answer)).layer(map_request(name_the_caller))
}

async fn name_the_caller(mut request: Request) -> Request {
    let caller = request.extensions().get::<RequestContext>().and_then(caller);
    let headers = request.headers_mut();
    headers.remove(CALLER);
    if let Some(caller) = caller.and_then(|caller| HeaderValue::from_str(&caller).ok()) {
        headers.insert(CALLER, caller);
    }
    request
}

/// The name in the caller's ARN: `user/ada`, or `assumed-role/Release/ada`.
fn caller(context: &RequestContext) -> Option<String> {
    let RequestContext::ApiGatewayV2(context) = context else { return None };
    let arn = context.authorizer.as_ref()?.iam.as_ref()?.user_arn.as_deref()?;
    Some(arn.rsplit(':').next().unwrap_or(arn).to_owned())
}

/// The host of `url`, under which this installation is known.
pub(crate) fn host(url: &str) -> Option<String> {
    let authority = url.split_once("://")?.1.split('/').next()?;
    Some(authority.split(':').next().unwrap_or(authority).to_owned())
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    /// What the router is told of who asks, where API Gateway says `authorizer` and the request `penstock-user: jo`.
    async fn named(authorizer: &str) -> Vec<String> {
        let event = format!(
            r#"{{"version": "2.0", "routeKey": "$default", "rawPath": "/", "rawQueryString": "",
                "headers": {{"host": "penstock.example", "Penstock-User": "jo"}}, "isBase64Encoded": false,
                "requestContext": {{"accountId": "1", "apiId": "a", "stage": "$default", "requestId": "r",
                    "routeKey": "$default", "time": "12/Mar/2026:19:03:58 +0000", "timeEpoch": 1773342238000,
                    "authorizer": {authorizer},
                    "http": {{"method": "POST", "path": "/", "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1", "userAgent": "a"}}}}}}"#
        );
        let request = lambda_http::request::from_str(&event).unwrap();
        assert_eq!(request.headers()[CALLER], "jo");
        let request = name_the_caller(request.map(|_| Body::empty())).await;
        let names = request.headers().get_all(CALLER).iter();
        names.map(|name| name.to_str().unwrap().to_owned()).collect()
    }

    #[tokio::test]
    async fn the_caller_is_whom_api_gateway_names_and_never_whom_the_request_does() {
        let user = r#"{"iam": {"userArn": "arn:aws:iam::111122223333:user/ada"}}"#;
        assert_eq!(named(user).await, ["user/ada"]);
        let role = r#"{"iam": {"userArn": "arn:aws:sts::111122223333:assumed-role/Release/ada"}}"#;
        assert_eq!(named(role).await, ["assumed-role/Release/ada"]);
        assert_eq!(named("{}").await, Vec::<String>::new(), "nobody rather than whom the request names");
    }

    #[test]
    fn the_host_of_a_url_has_no_port() {
        assert_eq!(
            host("https://a1.execute-api.eu-central-1.amazonaws.com"),
            Some("a1.execute-api.eu-central-1.amazonaws.com".into())
        );
        assert_eq!(host("http://127.0.0.1:4577/x"), Some("127.0.0.1".into()));
        assert_eq!(host("nothing"), None);
    }
}
