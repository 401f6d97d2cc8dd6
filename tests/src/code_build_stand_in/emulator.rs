//! The other services, called with signed requests and no SDK: S3, `CloudWatch` Logs, Secrets Manager, Parameter Store, Lambda.

use std::time::SystemTime;

use async_trait::async_trait;
use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings,
    UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4;
use penstock_buildspec::{SecretError, SecretReference, Secrets};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Method;
use serde_json::{Value as Json, json};

use super::Settings;

/// What S3's paths leave as it is.
const IN_PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');
/// What a query's values leave as it is.
const IN_QUERY: &AsciiSet = &IN_PATH.add(b'/');

/// The emulator.
#[derive(Clone)]
pub(super) struct Emulator {
    client: reqwest::Client,
    endpoint: String,
    region: String,
    credentials: Credentials,
}

impl Emulator {
    pub(super) fn new(settings: &Settings) -> Self {
        // Another client of this process may have chosen it already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let (key, secret) = &settings.credentials;
        Self {
            client: reqwest::Client::builder().no_proxy().build().expect("an HTTP client"),
            endpoint: settings.endpoint.clone(),
            region: settings.region.clone(),
            credentials: Credentials::new(key, secret, None, None, "stand-in"),
        }
    }

    pub(super) async fn get_object(
        &self,
        bucket: &str,
        key: &str,
        version: Option<&str>,
    ) -> Result<Vec<u8>, String> {
        let mut path = object_path(bucket, key);
        if let Some(version) = version {
            path.push_str("?versionId=");
            path.extend(utf8_percent_encode(version, IN_QUERY));
        }
        self.send(Method::GET, "s3", &path, &[], vec![]).await
    }

    pub(super) async fn put_object(&self, bucket: &str, key: &str, bytes: Vec<u8>) -> Result<(), String> {
        let kind = [("content-type", "application/zip")];
        self.send(Method::PUT, "s3", &object_path(bucket, key), &kind, bytes).await.map(drop)
    }

    /// Writes `lines` into a new log stream.
    pub(super) async fn put_log(&self, group: &str, stream: &str, lines: &[String]) -> Result<(), String> {
        // The group is there after the project's first build.
        let _ = self.call("logs", "Logs_20140328.CreateLogGroup", json!({"logGroupName": group})).await;
        let place = json!({"logGroupName": group, "logStreamName": stream});
        self.call("logs", "Logs_20140328.CreateLogStream", place).await?;
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_millis();
        let now = u64::try_from(now).unwrap_or_default();
        for lines in lines.chunks(1000) {
            // An event may not be empty.
            let events = lines.iter().map(|line| json!({"timestamp": now, "message": format!("{line}\n")}));
            let events: Vec<Json> = events.collect();
            let body = json!({"logGroupName": group, "logStreamName": stream, "logEvents": events});
            self.call("logs", "Logs_20140328.PutLogEvents", body).await?;
        }
        Ok(())
    }

    /// Invokes a function and does not wait for its end.
    pub(super) async fn invoke(&self, function: &str, payload: &Json) -> Result<(), String> {
        let path = format!("/2015-03-31/functions/{function}/invocations");
        let event = [("x-amz-invocation-type", "Event")];
        self.send(Method::POST, "lambda", &path, &event, payload.to_string().into_bytes()).await.map(drop)
    }

    /// A call of a service that speaks AWS JSON 1.1.
    async fn call(&self, service: &str, target: &str, body: Json) -> Result<Json, String> {
        let headers = [("content-type", "application/x-amz-json-1.1"), ("x-amz-target", target)];
        let answer = self.send(Method::POST, service, "/", &headers, body.to_string().into_bytes()).await?;
        if answer.is_empty() {
            return Ok(Json::Null);
        }
        serde_json::from_slice(&answer).map_err(|error| format!("{target}: {error}"))
    }

    async fn send(
        &self,
        method: Method,
        service: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Result<Vec<u8>, String> {
        let url = format!("{}{path}", self.endpoint);
        let signed = self.signature(method.as_str(), service, &url, headers, &body)?;
        let mut request = self.client.request(method.clone(), &url).body(body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        for (name, value) in signed {
            request = request.header(name, value);
        }
        let failed = |error: &dyn std::fmt::Display| format!("{method} {url}: {error}");
        let answer = request.send().await.map_err(|error| failed(&error))?;
        let status = answer.status();
        let bytes = answer.bytes().await.map_err(|error| failed(&error))?;
        if status.is_success() {
            Ok(bytes.into())
        } else {
            Err(failed(&format!("{status}: {}", String::from_utf8_lossy(&bytes))))
        }
    }

    /// The headers that sign a request.
    fn signature(
        &self,
        method: &str,
        service: &str,
        url: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<Vec<(String, String)>, String> {
        let mut settings = SigningSettings::default();
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        let identity = self.credentials.clone().into();
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name(service)
            .time(SystemTime::now())
            .settings(settings)
            .build()
            .map_err(|error| error.to_string())?;
        let request = SignableRequest::new(method, url, headers.iter().copied(), SignableBody::Bytes(body))
            .map_err(|error| error.to_string())?;
        let signed = sign(request, &parameters.into()).map_err(|error| error.to_string())?;
        let (instructions, _) = signed.into_parts();
        Ok(instructions.headers().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }
}

fn object_path(bucket: &str, key: &str) -> String {
    format!("/{bucket}/{}", utf8_percent_encode(key, IN_PATH))
}

#[async_trait]
impl Secrets for Emulator {
    async fn parameter(&self, name: &str) -> Result<String, SecretError> {
        let body = json!({"Name": name, "WithDecryption": true});
        let answer = self.call("ssm", "AmazonSSM.GetParameter", body).await.map_err(SecretError)?;
        text(&answer["Parameter"]["Value"])
    }

    async fn secret(&self, reference: &SecretReference) -> Result<String, SecretError> {
        let mut body = json!({"SecretId": reference.secret_id});
        if let Some(stage) = &reference.version_stage {
            body["VersionStage"] = json!(stage);
        }
        if let Some(version) = &reference.version_id {
            body["VersionId"] = json!(version);
        }
        let answer = self.call("secretsmanager", "secretsmanager.GetSecretValue", body).await;
        reference.pick(&text(&answer.map_err(SecretError)?["SecretString"])?)
    }
}

fn text(value: &Json) -> Result<String, SecretError> {
    value.as_str().map(str::to_owned).ok_or_else(|| SecretError("it has no text".into()))
}
