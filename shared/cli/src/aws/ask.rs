//! Single questions to services for which no SDK is worth its size: whether a project, a bucket, an alarm is there.

use anyhow::Context;
use penstock_aws::sdk::Sdk;
use reqwest::header::HeaderValue;
use reqwest::{Method, Response, Url};
use serde_json::Value as Json;

use super::http;
use super::signed::Signed;
use crate::client::Sign;

/// A service as it is asked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Service {
    /// Its name in signatures, such as `codebuild`.
    pub(crate) signing: &'static str,
    /// The first part of its host name.
    pub(crate) host: &'static str,
    /// Its id in `AWS_ENDPOINT_URL_...` (AWS SDKs and tools reference, "Service-specific endpoints").
    pub(crate) id: &'static str,
}

/// What a service answered.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The status.
    pub(crate) status: u16,
    /// Of a bucket: the region that it is in.
    pub(crate) bucket_region: Option<String>,
    /// The body; null if it is not JSON.
    pub(crate) body: Json,
    /// The body as it came: S3 answers in XML.
    pub(crate) text: String,
}

impl Answer {
    /// Whether it says yes.
    pub(crate) fn is_good(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The code of its refusal.
    pub(crate) fn code(&self) -> &str {
        let code = self.body["__type"].as_str().or(self.body["code"].as_str()).unwrap_or_default();
        code.rsplit('#').next().unwrap_or_default()
    }

    /// Whether it says that whoever asks may not know.
    pub(crate) fn is_forbidden(&self) -> bool {
        self.status == 403
            || self.code().starts_with("AccessDenied")
            || self.code() == "UnauthorizedOperation"
    }
}

/// An operation in AWS JSON: `target` is its name with the API's prefix.
pub(crate) async fn json(
    sdk: &Sdk,
    service: Service,
    region: &str,
    (version, target): (&str, &str),
    input: &Json,
) -> anyhow::Result<Answer> {
    let url = endpoint(sdk, service, region);
    let mut request = reqwest::Request::new(Method::POST, Url::parse(&url)?);
    let kind = HeaderValue::from_str(&format!("application/x-amz-json-{version}"))?;
    request.headers_mut().insert("content-type", kind);
    request.headers_mut().insert("x-amz-target", HeaderValue::from_str(target)?);
    *request.body_mut() = Some(input.to_string().into());
    send(sdk, service, region, request).await
}

/// A GET or HEAD of `path`.
pub(crate) async fn rest(
    sdk: &Sdk,
    service: Service,
    region: &str,
    method: Method,
    path: &str,
) -> anyhow::Result<Answer> {
    let url = format!("{}{path}", endpoint(sdk, service, region));
    send(sdk, service, region, reqwest::Request::new(method, Url::parse(&url)?)).await
}

async fn send(
    sdk: &Sdk,
    service: Service,
    region: &str,
    mut request: reqwest::Request,
) -> anyhow::Result<Answer> {
    Signed::new(sdk, service.signing, region)?.sign(&mut request).await?;
    let http = http(request.url().as_str())?;
    let response: Response =
        http.execute(request).await.with_context(|| format!("failed to ask {}", service.host))?;
    let status = response.status().as_u16();
    let bucket_region = response.headers().get("x-amz-bucket-region");
    let bucket_region = bucket_region.and_then(|region| Some(region.to_str().ok()?.to_owned()));
    let text = response.text().await.unwrap_or_default();
    Ok(Answer { status, bucket_region, body: serde_json::from_str(&text).unwrap_or_default(), text })
}

/// Where `service` is: where the environment says, else at AWS.
fn endpoint(sdk: &Sdk, service: Service, region: &str) -> String {
    let own = std::env::var(format!("AWS_ENDPOINT_URL_{}", service.id)).ok().filter(|url| !url.is_empty());
    let all = || sdk.config().endpoint_url().map(str::to_owned);
    let suffix = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
    let url = own.or_else(all).unwrap_or_else(|| format!("https://{}.{region}.{suffix}", service.host));
    url.trim_end_matches('/').to_owned()
}
