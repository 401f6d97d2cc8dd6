//! The GitHub source: the archive of a pinned commit becomes the output artifact.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use penstock_app::engine::state::{AttemptError, ErrorCode, External};
use penstock_app::port::PortError;
use penstock_app::port::artifacts::Artifacts;
use penstock_app::port::provider::{Begun, Done, Ending, Observation, Provider, Stop, Work};
use penstock_app::port::revisions::Revisions;
use penstock_app::port::secrets::Secrets;
use penstock_model::artifact::Revision;
use penstock_model::pipeline::Action;

use crate::api::{Api, Commit, Repository};
use crate::archive::{LeftOut, convert};
use crate::place::{Place, commit_id, repository};

/// The secret that holds GitHub's token on one machine, if the repository is private.
pub const TOKEN_SECRET: &str = "github-token";

/// A connection source's setting, and the variable that hands it on.
const CONNECTION: &str = "ConnectionArn";

/// Fetches from GitHub: providers `GitHub` (`Owner`, `Repo`, `Branch`) and `CodeStarSourceConnection` (`FullRepositoryId`, `BranchName`),
/// and of both what pins a source of ours, `Tag` and `Commit`.
pub struct GitHubSource {
    base_url: String,
    token_secret: Option<String>,
    secrets: Arc<dyn Secrets>,
    artifacts: Arc<dyn Artifacts>,
    revisions: Arc<dyn Revisions>,
}

impl GitHubSource {
    /// A source that reads from the API at `base_url`, without a token.
    pub fn new(
        base_url: String,
        secrets: Arc<dyn Secrets>,
        artifacts: Arc<dyn Artifacts>,
        revisions: Arc<dyn Revisions>,
    ) -> Self {
        Self { base_url, token_secret: None, secrets, artifacts, revisions }
    }

    /// With the token in the secret called `name`.
    #[must_use]
    pub fn with_token_from(self, name: &str) -> Self {
        Self { token_secret: Some(name.to_owned()), ..self }
    }

    /// Whether `action` names a repository on GitHub; one that names none means the local working tree.
    pub fn serves(action: &Action) -> bool {
        repository(action).is_ok()
    }

    async fn fetch(&self, work: &Work) -> Result<Done, PortError> {
        let Place { repository, branch, reference } = Place::of(&work.action)?;
        let api = self.api().await?;
        let commit = self.commit(&api, &repository, &reference, work).await?;
        let folder = tempfile::tempdir()
            .map_err(|error| PortError::transient(format!("make a temporary folder: {error}")))?;
        let (tar_gz, zip) = (folder.path().join("archive.tar.gz"), folder.path().join("source.zip"));
        api.archive(&repository, &commit.sha, &tar_gz).await?;
        let target = zip.clone();
        let left_out = tokio::task::spawn_blocking(move || convert(&tar_gz, &target))
            .await
            .map_err(|error| PortError::transient(format!("convert the archive: {error}")))?
            .map_err(|problem| {
                PortError::permanent(format!("convert the archive of {}: {problem}", repository.full_name()))
            })?;
        let mut artifacts = vec![];
        if let Some(output) = work.action.output_artifacts.first() {
            artifacts.push(self.artifacts.hand_on(work, &output.name, &zip).await?);
        }
        let mut done = done(&repository, &branch, &commit, &left_out, artifacts);
        if let Some(connection) = work.action.configuration.get(CONNECTION) {
            done.variables.insert(CONNECTION.to_owned(), connection.clone());
        }
        Ok(done)
    }

    /// The API, with the token if there is one.
    async fn api(&self) -> Result<Api, PortError> {
        let Some(name) = &self.token_secret else {
            return Api::new(&self.base_url, None);
        };
        let token = self.secrets.secret_if_any(name).await.map_err(|error| PortError {
            message: format!(
                "read GitHub's token from the secret `{name}`: {}; see that it is there and may be read",
                error.message
            ),
            retryable: error.retryable,
        })?;
        Ok(Api::new(&self.base_url, token)?.with_token_from(name))
    }

    /// The commit that is meant; if the fetch is repeated, the one that was meant the first time.
    async fn commit(
        &self,
        api: &Api,
        repository: &Repository,
        reference: &str,
        work: &Work,
    ) -> Result<Commit, PortError> {
        let pinned =
            work.revision_override.as_ref().map(|revision| commit_id(&revision.value)).transpose()?;
        let reference = pinned.as_deref().unwrap_or(reference);
        let commit = api.commit(repository, reference).await?;
        if commit.sha == reference {
            return Ok(commit);
        }
        let kept = self.revisions.keep_to(&work.attempt, &commit.sha).await?;
        if kept == commit.sha { Ok(commit) } else { Ok(api.commit(repository, &kept).await?) }
    }
}

/// The result with the output variables that `CodePipeline` documents for its GitHub sources.
fn done(
    repository: &Repository,
    branch: &str,
    commit: &Commit,
    left_out: &LeftOut,
    artifacts: Vec<penstock_model::artifact::Artifact>,
) -> Done {
    let detail = &commit.commit;
    let title = detail.message.lines().next().unwrap_or_default().to_owned();
    let date = |signature: &Option<crate::api::Signature>| {
        signature.as_ref().and_then(|s| s.date.clone()).unwrap_or_default()
    };
    let name = repository.full_name().rsplit('/').next().unwrap_or_default();
    let variables = BTreeMap::from([
        ("AuthorDate".to_owned(), date(&detail.author)),
        ("BranchName".to_owned(), branch.to_owned()),
        ("CommitId".to_owned(), commit.sha.clone()),
        ("CommitMessage".to_owned(), detail.message.clone()),
        ("CommitUrl".to_owned(), commit.html_url.clone().unwrap_or_default()),
        ("CommitterDate".to_owned(), date(&detail.committer)),
        ("FullRepositoryName".to_owned(), repository.full_name().to_owned()),
        ("RepositoryName".to_owned(), name.to_owned()),
    ]);
    let note = match left_out.links.as_slice() {
        [] => String::new(),
        links => format!(" (left out, because they leave the repository: {})", links.join(", ")),
    };
    Done {
        artifacts,
        variables,
        revision: Some(Revision {
            id: commit.sha.clone(),
            summary: Some(title.clone()),
            url: commit.html_url.clone(),
            author: detail.author.as_ref().and_then(|author| author.name.clone()),
        }),
        external: Some(External { id: commit.sha.clone(), url: commit.html_url.clone() }),
        summary: Some(format!("{} {title}{note}", commit.sha.get(..8).unwrap_or(&commit.sha))),
        started_at: None,
    }
}

#[async_trait]
impl Provider for GitHubSource {
    async fn start(&self, work: &Work, _taken_over: bool) -> Result<Begun, PortError> {
        // Fetching again is harmless: the attempt keeps to its first commit, and an object of it that is there is
        // adopted.
        match self.fetch(work).await {
            Ok(done) => Ok(Begun::Ended(Ending::Succeeded(Box::new(done)))),
            Err(error) if error.retryable => Err(error),
            Err(error) => {
                let error = AttemptError::new(ErrorCode::RevisionUnavailable, error.in_a_sentence());
                Ok(Begun::Ended(Ending::Failed { error, external: None }))
            }
        }
    }

    async fn start_until(&self, work: &Work, taken_over: bool, stop: &Stop) -> Result<Begun, PortError> {
        stop.or(self.start(work, taken_over)).await
    }

    async fn observe(&self, _work: &Work, _external: &External) -> Result<Observation, PortError> {
        Ok(Observation::Gone)
    }

    async fn cancel(&self, _work: &Work, _external: Option<&External>) -> Result<Observation, PortError> {
        Ok(Observation::Gone)
    }
}
