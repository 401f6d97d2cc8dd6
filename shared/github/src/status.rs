//! Commit statuses (GitHub REST API, "Create a commit status").

use std::sync::Arc;

use async_trait::async_trait;
use penstock_app::port::PortError;
use penstock_app::port::secrets::Secrets;
use penstock_app::port::statuses::{CommitStatus, Shown, StatusState, Statuses};
use serde_json::json;

use crate::api::{Api, Repository};

/// Sets statuses on GitHub.
pub struct GitHubStatuses {
    base_url: String,
    secrets: Arc<dyn Secrets>,
    secret: String,
}

impl GitHubStatuses {
    /// By the API at `base_url`, under the token that the secret called `secret` holds; it needs the permission
    /// `commit statuses: write`.
    pub fn new(base_url: impl Into<String>, secrets: Arc<dyn Secrets>, secret: impl Into<String>) -> Self {
        Self { base_url: base_url.into(), secrets, secret: secret.into() }
    }
}

#[async_trait]
impl Statuses for GitHubStatuses {
    async fn set(&self, status: &CommitStatus) -> Result<Shown, PortError> {
        let Some(repository) = Repository::new(&status.repository) else {
            let why = format!(
                "set a commit status: `{}` is no owner/name; write it without references",
                status.repository.escape_debug()
            );
            return Ok(Shown::Never { why });
        };
        let token = self.secrets.secret(&self.secret).await?;
        let mut body = json!({
            "state": word(status.state),
            "context": status.context,
            "description": status.description,
        });
        if let Some(url) = &status.target_url {
            body["target_url"] = json!(url);
        }
        let api = Api::new(&self.base_url, Some(token))?.with_token_from(&self.secret);
        api.set_status(&repository, &status.commit, &body).await
    }
}

fn word(state: StatusState) -> &'static str {
    match state {
        StatusState::Pending => "pending",
        StatusState::Success => "success",
        StatusState::Failure => "failure",
        StatusState::Error => "error",
    }
}
