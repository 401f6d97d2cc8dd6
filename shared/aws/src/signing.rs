//! Signs plain HTTP requests (Signature Version 4), for what is called without an SDK: API Gateway's `execute-api`.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_sigv4::http_request::{PayloadChecksumKind, SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use penstock_app::port::PortError;
use tokio::sync::Mutex;

use crate::error::causes;
use crate::sdk::Sdk;

/// Credentials are fetched anew this long before they expire.
const BEFORE_EXPIRY: Duration = Duration::from_secs(60);
/// How long credentials that name no end are kept: a person may have signed in anew.
const KEPT: Duration = Duration::from_secs(15 * 60);

/// Signs requests to one service in one region with the credentials of a process. Safe to share.
#[derive(Debug)]
pub struct Signer {
    credentials: SharedCredentialsProvider,
    kept: Mutex<Option<(Credentials, SystemTime)>>,
    region: String,
    service: &'static str,
}

/// What of a request is signed besides its host and time.
#[derive(Debug, Clone, Copy)]
pub struct Unsigned<'a> {
    /// The method, such as `POST`.
    pub method: &'a str,
    /// The whole URL as it is sent, percent-encoded once.
    pub url: &'a str,
    /// Headers that are part of what is meant and that nothing on the way changes.
    pub headers: &'a [(&'a str, &'a str)],
    /// The body.
    pub body: &'a [u8],
}

impl Signer {
    /// Signs for `service` in `region`.
    ///
    /// # Errors
    /// Permanent if there is no source of credentials at all.
    pub fn new(sdk: &Sdk, service: &'static str, region: &str) -> Result<Self, PortError> {
        let credentials = sdk.config().credentials_provider().ok_or_else(|| {
            PortError::permanent(format!(
                "sign for {service}: there are no AWS credentials; sign in, or name a profile with AWS_PROFILE"
            ))
        })?;
        Ok(Self { credentials, kept: Mutex::default(), region: region.to_owned(), service })
    }

    /// The headers that make `request` a signed one: they replace those of the same names.
    ///
    /// # Errors
    /// If the credentials could not be had, or the URL is none.
    pub async fn sign(&self, request: &Unsigned<'_>) -> Result<Vec<(String, String)>, PortError> {
        let now = SystemTime::now();
        let credentials = self.credentials(now).await?;
        self.sign_with(request, credentials, now)
    }

    fn sign_with(
        &self,
        request: &Unsigned<'_>,
        credentials: Credentials,
        time: SystemTime,
    ) -> Result<Vec<(String, String)>, PortError> {
        let Self { region, service, .. } = self;
        let failed = |error: &dyn std::fmt::Display| {
            PortError::permanent(format!("sign the request to {} for {service}: {error}", request.url))
        };
        let mut settings = SigningSettings::default();
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        let identity = credentials.into();
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(region)
            .name(service)
            .time(time)
            .settings(settings)
            .build()
            .map_err(|error| failed(&error))?
            .into();
        let headers = request.headers.iter().copied();
        let body = SignableBody::Bytes(request.body);
        let signable = SignableRequest::new(request.method, request.url, headers, body)
            .map_err(|error| failed(&error))?;
        let (instructions, _) = sign(signable, &parameters).map_err(|error| failed(&error))?.into_parts();
        Ok(instructions.headers().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }

    /// The process's credentials, fetched when there are none yet or they are about to end.
    async fn credentials(&self, now: SystemTime) -> Result<Credentials, PortError> {
        let mut kept = self.kept.lock().await;
        if let Some((credentials, until)) = kept.as_ref()
            && now < *until
        {
            return Ok(credentials.clone());
        }
        let fetched = self.credentials.provide_credentials().await.map_err(|error| {
            let cause = causes(&error);
            PortError::permanent(format!(
                "get AWS credentials: {cause}; sign in (`aws sso login`, `aws configure`), or name a profile with AWS_PROFILE"
            ))
        })?;
        let until = fetched.expiry().map_or(now + KEPT, |expiry| expiry - BEFORE_EXPIRY);
        *kept = Some((fetched.clone(), until));
        Ok(fetched)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The expected signature was made with botocore 1.44's `SigV4Auth` for the same request and time.
    #[test]
    fn signs_as_other_clients_do() {
        let credentials = Credentials::new(
            "ANOTREAL",
            "notrealrnrELgWzOk3IfjzDKtFBhDby",
            Some("notarealsessiontoken".into()),
            None,
            "test",
        );
        let signer = Signer {
            credentials: SharedCredentialsProvider::new(credentials.clone()),
            kept: Mutex::default(),
            region: "us-east-1".into(),
            service: "execute-api",
        };
        let request = Unsigned {
            method: "POST",
            url: "https://abc.execute-api.us-east-1.amazonaws.com/penstock/v1/a%20b?x=1&a=2",
            headers: &[("content-type", "application/json")],
            body: b"{}",
        };
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_440_938_160);
        let headers = signer.sign_with(&request, credentials, time).unwrap();
        let of =
            |wanted: &str| headers.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str());
        assert_eq!(of("x-amz-date"), Some("20150830T123600Z"));
        assert_eq!(of("x-amz-security-token"), Some("notarealsessiontoken"));
        assert_eq!(
            of("authorization"),
            Some(
                "AWS4-HMAC-SHA256 Credential=ANOTREAL/20150830/us-east-1/execute-api/aws4_request, \
                 SignedHeaders=content-type;host;x-amz-content-sha256;x-amz-date;x-amz-security-token, \
                 Signature=f932376a70982059fa4c9e068f2d0bb0b84517e5ce3b3a5296e1c8f99dcd5c4c"
            )
        );
    }
}
