//! An installation: a stack, its outputs, and the API that they name.

use std::sync::Arc;

use penstock_aws::sdk::Sdk;
use penstock_aws::stack::{Resource, Stack, Stacks};

use super::signed::Signed;
use super::{failed, http};
use crate::client::Client;
use crate::exit::Failure;

/// The service for which requests to API Gateway's APIs are signed.
const EXECUTE_API: &str = "execute-api";

/// A deployed Penstock.
#[derive(Debug)]
pub(crate) struct Installation {
    /// With whose credentials, and where.
    pub(crate) sdk: Sdk,
    /// Its stack.
    pub(crate) stack: Stack,
}

impl Installation {
    /// The installation that the stack called `name` is.
    pub(crate) async fn find(name: &str) -> anyhow::Result<Self> {
        let sdk = super::sdk().await?;
        let found = Stacks::new(&sdk).find(name).await.map_err(failed)?;
        let region = sdk.region();
        let stack = found.ok_or_else(|| {
            Failure::misused(format!(
                "there is no stack `{name}` in {region} for these credentials; deploy one with `sam deploy --guided`, or choose another with AWS_REGION or AWS_PROFILE"
            ))
        })?;
        Ok(Self { sdk, stack })
    }

    /// What the stack puts out under `key`.
    pub(crate) fn output(&self, key: &str) -> anyhow::Result<&str> {
        let Stack { name, status, .. } = &self.stack;
        self.stack.outputs.get(key).map(String::as_str).ok_or_else(|| {
            Failure::misused(format!(
                "the stack `{name}` ({status}) has no output {key}; is it a Penstock, deployed to its end and of this release?"
            ))
            .into()
        })
    }

    /// The URL of its API.
    pub(crate) fn api(&self) -> anyhow::Result<String> {
        let url = self.output("ApiUrl")?;
        Ok(self
            .sdk
            .config()
            .endpoint_url()
            .and_then(|endpoint| emulated(endpoint, url))
            .unwrap_or(url.to_owned()))
    }

    /// A client of its API.
    pub(crate) fn client(&self) -> anyhow::Result<Client> {
        client_of(&self.sdk, &self.api()?)
    }

    /// What it is made of.
    pub(crate) async fn resources(&self) -> anyhow::Result<Vec<Resource>> {
        Stacks::new(&self.sdk).resources(&self.stack.name).await.map_err(failed)
    }
}

/// A client of the API at `endpoint`.
pub(crate) fn client_of(sdk: &Sdk, endpoint: &str) -> anyhow::Result<Client> {
    Ok(Client::signed(endpoint, http(endpoint)?, Arc::new(signer(sdk, endpoint)?)))
}

/// Signs for the API at `endpoint`: in the region that its name tells, else in the configuration's.
pub(crate) fn signer(sdk: &Sdk, endpoint: &str) -> anyhow::Result<Signed> {
    Signed::new(sdk, EXECUTE_API, named(endpoint).map_or(sdk.region(), |(_, region)| region))
}

/// The API's id and region in `https://ID.execute-api.REGION.amazonaws.com`.
fn named(url: &str) -> Option<(&str, &str)> {
    let host = url.split_once("://")?.1.split(['/', ':']).next()?;
    let (id, rest) = host.split_once(".execute-api.")?;
    Some((id, rest.split_once(".amazonaws.com")?.0))
}

/// Where an emulator at `endpoint` serves the API whose URL on AWS is `url`: no name server knows that one's host.
fn emulated(endpoint: &str, url: &str) -> Option<String> {
    let host = url.split_once("://")?.1.split(['/', ':']).next()?;
    let (id, _) = host.split_once(".execute-api.")?;
    let path = url.split_once("://")?.1.split_once('/').map_or("", |(_, path)| path.trim_end_matches('/'));
    let stage = if path.is_empty() { "$default" } else { path };
    Some(format!("{}/_aws/execute-api/{id}/{stage}", endpoint.trim_end_matches('/')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_region_is_read_from_the_url() {
        assert_eq!(
            named("https://a1b2.execute-api.eu-west-1.amazonaws.com/prod"),
            Some(("a1b2", "eu-west-1"))
        );
        assert_eq!(named("https://penstock.example.com"), None);
    }

    #[test]
    fn an_emulator_serves_apis_below_a_path() {
        let emulated = |url| emulated("http://127.0.0.1:4577/", url);
        assert_eq!(
            emulated("https://a1.execute-api.us-east-1.amazonaws.com").as_deref(),
            Some("http://127.0.0.1:4577/_aws/execute-api/a1/$default")
        );
        assert_eq!(
            emulated("https://a1.execute-api.us-east-1.amazonaws.com/prod/").as_deref(),
            Some("http://127.0.0.1:4577/_aws/execute-api/a1/prod")
        );
        assert_eq!(
            emulated("http://a1.execute-api.localhost:4577").as_deref(),
            Some("http://127.0.0.1:4577/_aws/execute-api/a1/$default")
        );
        assert_eq!(emulated("http://127.0.0.1:4577/own"), None);
    }
}
