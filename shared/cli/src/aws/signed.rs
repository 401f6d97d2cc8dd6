//! Signs the client's requests for API Gateway.

use async_trait::async_trait;
use penstock_aws::sdk::Sdk;
use penstock_aws::signing::{Signer, Unsigned};
use reqwest::Request;
use reqwest::header::{HeaderName, HeaderValue};

use super::failed;
use crate::client::Sign;

/// Headers that say what is asked; nothing on the way changes them.
const SIGNED: [&str; 2] = ["content-type", "x-amz-target"];

/// Signs with the credentials of whoever runs the program.
#[derive(Debug)]
pub(crate) struct Signed(Signer);

impl Signed {
    /// Signs for `service` in `region`.
    pub(crate) fn new(sdk: &Sdk, service: &'static str, region: &str) -> anyhow::Result<Self> {
        Ok(Self(Signer::new(sdk, service, region).map_err(failed)?))
    }
}

#[async_trait]
impl Sign for Signed {
    async fn sign(&self, request: &mut Request) -> anyhow::Result<()> {
        let headers: Vec<(&str, &str)> = SIGNED
            .iter()
            .filter_map(|name| Some((*name, request.headers().get(*name)?.to_str().ok()?)))
            .collect();
        // Every body that is signed is in memory.
        let body = request.body().and_then(reqwest::Body::as_bytes).unwrap_or_default();
        let unsigned = Unsigned {
            method: request.method().as_str(),
            url: request.url().as_str(),
            headers: &headers,
            body,
        };
        let signature = self.0.sign(&unsigned).await.map_err(failed)?;
        for (name, value) in signature {
            request
                .headers_mut()
                .insert(HeaderName::from_bytes(name.as_bytes())?, HeaderValue::from_str(&value)?);
        }
        Ok(())
    }
}
