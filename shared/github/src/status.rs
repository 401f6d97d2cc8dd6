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
        let link = status.target_url.clone().or_else(|| page(&self.base_url, &repository, &status.commit));
        if let Some(url) = link {
            body["target_url"] = json!(url);
        }
        let api = Api::new(&self.base_url, Some(token))?.with_token_from(&self.secret);
        api.set_status(&repository, &status.commit, &body).await
    }
}

/// The commit's page, where people see all of its statuses, on the site whose API is at `base_url` (GitHub Enterprise Cloud
/// documentation, "Network details for GHE.com"; GitHub Enterprise Server documentation, "Getting started with the REST
/// API"); `None` if the address does not say which that is.
fn page(base_url: &str, repository: &Repository, commit: &str) -> Option<String> {
    let base_url = base_url.trim_end_matches('/');
    let of_cloud = base_url.strip_prefix("https://api.").filter(|host| !host.contains('/'));
    let site = match of_cloud {
        Some(host) => format!("https://{host}"),
        None => base_url.strip_suffix("/api/v3")?.to_owned(),
    };
    Some(format!("{site}/{}/commit/{commit}", repository.full_name()))
}

fn word(state: StatusState) -> &'static str {
    match state {
        StatusState::Pending => "pending",
        StatusState::Success => "success",
        StatusState::Failure => "failure",
        StatusState::Error => "error",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commits_page_is_on_the_site_of_the_api() {
        let web = Repository::new("acme/web").unwrap();
        for (api, expected) in [
            ("https://api.github.com", Some("https://github.com/acme/web/commit/c0ffee")),
            ("https://api.github.com/", Some("https://github.com/acme/web/commit/c0ffee")),
            ("https://api.octocorp.ghe.com", Some("https://octocorp.ghe.com/acme/web/commit/c0ffee")),
            ("https://git.acme.example/api/v3", Some("https://git.acme.example/acme/web/commit/c0ffee")),
            ("http://127.0.0.1:8080", None),
            ("https://api.acme.example/somewhere", None),
        ] {
            assert_eq!(page(api, &web, "c0ffee").as_deref(), expected, "{api}");
        }
    }
}
