//! The router as callers with a signature reach it: who asks is what API Gateway says, never what the request says.

use axum::Router;
use axum::extract::Request;
use axum::http::HeaderValue;
use axum::middleware::map_request;
use lambda_http::request::RequestContext;
use penstock_web::Web;

/// The header by which the router is told who asks.
const CALLER: &str = "penstock-user";

/// The router that serves `web` to callers whose signature was checked.
pub(crate) fn router(web: Web) -> Router {
    penstock_web::router(web).layer(map_request(name_the_caller))
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
    use super::*;

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
