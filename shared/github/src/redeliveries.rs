//! Failed deliveries of a repository's webhook to this installation, and having them made again.

use std::sync::Arc;

use async_trait::async_trait;
use penstock_app::port::PortError;
use penstock_app::port::redeliveries::{Attempted, Pushed, Redeliveries};
use penstock_app::port::secrets::Secrets;

use crate::api::{Api, Repository};

/// The deliveries of webhooks to one address, by GitHub's API.
pub struct GitHubRedeliveries {
    base_url: String,
    secrets: Arc<dyn Secrets>,
    token: String,
    webhook_url: String,
}

impl GitHubRedeliveries {
    /// Of webhooks to `webhook_url`, seen by the API at `base_url` with the token in the secret `token`, which needs
    /// `webhooks: read and write`; without that right there is nothing to see.
    pub fn new(base_url: String, secrets: Arc<dyn Secrets>, token: &str, webhook_url: String) -> Self {
        Self { base_url, secrets, token: token.to_owned(), webhook_url }
    }

    async fn api(&self) -> Result<Api, PortError> {
        Api::new(&self.base_url, Some(self.secrets.secret(&self.token).await?))
    }
}

#[async_trait]
impl Redeliveries for GitHubRedeliveries {
    async fn latest(&self, repository: &str) -> Result<Vec<Attempted>, PortError> {
        let (api, repository) = (self.api().await?, named(repository)?);
        let hooks = api.webhooks(&repository).await?;
        let Some(hook) = hooks.into_iter().find(|hook| hook.config.url.as_ref() == Some(&self.webhook_url))
        else {
            return Ok(vec![]);
        };
        let attempts = api.deliveries(&repository, hook.id).await?.into_iter();
        let attempted = |it: crate::api::DeliveryAttempt| Attempted {
            webhook: hook.id,
            id: it.id,
            delivery: it.guid,
            event: it.event,
            succeeded: (200..300).contains(&it.status_code),
        };
        Ok(attempts.map(attempted).collect())
    }

    async fn pushed(&self, repository: &str, attempted: &Attempted) -> Result<Option<Pushed>, PortError> {
        let (api, repository) = (self.api().await?, named(repository)?);
        let pushed = api.delivered_push(&repository, attempted.webhook, attempted.id).await?;
        Ok(pushed.map(|(reference, commit)| Pushed { reference, commit }))
    }

    async fn again(&self, repository: &str, attempted: &Attempted) -> Result<(), PortError> {
        let (api, repository) = (self.api().await?, named(repository)?);
        api.redeliver(&repository, attempted.webhook, attempted.id).await
    }
}

fn named(repository: &str) -> Result<Repository, PortError> {
    let no_name = || {
        PortError::permanent(format!("find the repository: `{}` is no owner/name", repository.escape_debug()))
    };
    Repository::new(repository).ok_or_else(no_name)
}
