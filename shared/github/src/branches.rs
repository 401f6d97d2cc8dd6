//! Where branches stand at GitHub, and how commits relate, for reconciliation.

use std::sync::Arc;

use async_trait::async_trait;
use penstock_app::port::PortError;
use penstock_app::port::branches::{BranchError, Branches, Comparison, Head, Relation};
use penstock_app::port::secrets::Secrets;

use crate::api::{Api, ComparisonStatus, Refused, Repository, Why};

/// GitHub lists at most so many files of a comparison (GitHub REST API, "Compare two commits").
const MAX_FILES: usize = 300;

/// Branches by GitHub's API, under a token if there is one.
pub struct GitHubBranches {
    base_url: String,
    token: Option<(Arc<dyn Secrets>, String)>,
}

impl GitHubBranches {
    /// Branches by the API at `base_url`, of public repositories.
    pub fn new(base_url: String) -> Self {
        Self { base_url, token: None }
    }

    /// The same, also of the repositories that the token in the secret `name` may read.
    #[must_use]
    pub fn with_token_from(self, secrets: Arc<dyn Secrets>, name: &str) -> Self {
        Self { token: Some((secrets, name.to_owned())), ..self }
    }

    async fn api(&self) -> Result<Api, PortError> {
        let token = match &self.token {
            Some((secrets, name)) => Some(secrets.secret(name).await?),
            None => None,
        };
        Api::new(&self.base_url, token)
    }

    fn told(&self, refused: Refused) -> BranchError {
        match refused.why {
            Why::Absent => BranchError::Absent(refused.error.message),
            Why::UsedUp if self.token.is_none() => BranchError::UsedUp(refused.error.message),
            Why::UsedUp | Why::Other => BranchError::Failed(refused.error),
        }
    }
}

#[async_trait]
impl Branches for GitHubBranches {
    async fn head(&self, repository: &str, branch: &str) -> Result<Head, BranchError> {
        // Without the prefix a tag of the same name could be meant.
        let commit = self.api().await?.commit(&named(repository)?, &format!("heads/{branch}")).await;
        let commit = commit.map_err(|refused| self.told(refused))?;
        let committed_at = commit.commit.committer.and_then(|committer| committer.date);
        Ok(Head { commit: commit.sha, committed_at })
    }

    async fn compare(&self, repository: &str, base: &str, head: &str) -> Result<Comparison, BranchError> {
        let compared = self.api().await?.compare(&named(repository)?, base, head).await;
        let Some(found) = compared.map_err(|refused| self.told(refused))? else {
            // The base was removed when the branch was written anew.
            return Ok(Comparison { relation: Relation::Apart, changed_paths: None });
        };
        let relation = match found.status {
            ComparisonStatus::Ahead => Relation::After,
            ComparisonStatus::Behind | ComparisonStatus::Identical => Relation::NotAfter,
            ComparisonStatus::Diverged => Relation::Apart,
        };
        let all_are_known = found.files.len() < MAX_FILES;
        let paths = found.files.into_iter().flat_map(|file| [Some(file.filename), file.previous_filename]);
        Ok(Comparison { relation, changed_paths: all_are_known.then(|| paths.flatten().collect()) })
    }
}

fn named(repository: &str) -> Result<Repository, PortError> {
    let no_name = || {
        PortError::permanent(format!("find the repository: `{}` is no owner/name", repository.escape_debug()))
    };
    Repository::new(repository).ok_or_else(no_name)
}
