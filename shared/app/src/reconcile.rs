//! Finds pushes whose webhook was lost: compares branch heads at the code host with what was admitted.
//!
//! A commit that nothing carried yet, and that comes after what was admitted last, starts the pipeline as its webhook
//! would have. A webhook that comes late for it starts nothing more, and the other way round: the engine knows both.

mod admitted;
mod redelivery;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use penstock_engine::command::{Command, Request};
use penstock_engine::state::{PipelineState, RevisionKind, RevisionOverride, TriggerCause, TriggerKind};
use penstock_model::id::{ExecutionId, PipelineName};
use penstock_model::pipeline::Pipeline;
use penstock_model::time::Timestamp;
use penstock_model::trigger::{Decision, GitEvent, GitSource, Push, Reference, Start, decide, git_sources};

use crate::command_id::command_from;
use crate::error::AppError;
use crate::port::PortError;
use crate::port::branches::{BranchError, Branches, Comparison, Head, Relation};
use crate::port::queue::{Message, Queue};
use crate::port::redeliveries::{Attempted, Pushed, Redeliveries};
use crate::port::store::{Pipelines, Store};
use admitted::Admitted;

/// Compares branch heads with what was admitted.
pub struct Reconciliation {
    store: Arc<dyn Store>,
    branches: Arc<dyn Branches>,
    redeliveries: Option<Arc<dyn Redeliveries>>,
    queue: Arc<dyn Queue>,
}

/// Some of the pipelines and repositories: a code host is asked about a few at a time, and who is late once is first another
/// time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// Which part, from 0.
    pub part: u64,
    /// How many parts there are; each pipeline and each repository is in one, whatever others there are.
    pub parts: u64,
    /// Counts the times that it was this part's turn.
    pub turn: u64,
}

impl Share {
    fn of<T>(self, mut all: Vec<T>, name: impl Fn(&T) -> &str) -> Vec<T> {
        all.retain(|it| spread(name(it)) % self.parts.max(1) == self.part);
        if let Some(first) = self.turn.checked_rem(all.len() as u64) {
            all.rotate_left(usize::try_from(first).unwrap_or(0));
        }
        all
    }
}

/// FNV-1a: names that differ a little lie far apart, and every release agrees where.
fn spread(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// What a reconciliation found.
#[derive(Debug, Default)]
pub struct Reconciled {
    /// The pipelines that are to start, with the commit.
    pub started: Vec<(PipelineName, String)>,
    /// Those that could not be compared, with the reason; the next reconciliation tries them again.
    pub failed: Vec<(PipelineName, AppError)>,
    /// Those that were not, although nothing failed, with the reason: a branch is not there yet, or whoever asks without a
    /// token has asked as often as anybody may.
    pub left: Vec<(PipelineName, String)>,
    /// The repositories of which deliveries that had failed are made again, with how many.
    pub redelivered: Vec<(String, usize)>,
    /// Those of which that could not be found out or asked for, at least of one delivery, with the reason.
    pub unredelivered: Vec<(String, PortError)>,
}

/// What was learnt from the code host, so that pipelines of one repository ask once.
type Heads = BTreeMap<(String, String), Result<Head, BranchError>>;

/// Why a pipeline was not compared.
enum Uncompared {
    /// Nothing failed.
    Left(String),
    /// Something did.
    Failed(AppError),
}

impl From<BranchError> for Uncompared {
    fn from(error: BranchError) -> Self {
        match error {
            BranchError::Absent(why) | BranchError::UsedUp(why) => Self::Left(why),
            BranchError::Failed(error) => Self::Failed(error.into()),
        }
    }
}

impl From<AppError> for Uncompared {
    fn from(error: AppError) -> Self {
        Self::Failed(error)
    }
}

impl From<PortError> for Uncompared {
    fn from(error: PortError) -> Self {
        Self::Failed(error.into())
    }
}

impl Reconciliation {
    /// Comparing the branches that the pipelines in `store` follow; what is to start is sent to `queue`.
    pub fn new(store: Arc<dyn Store>, branches: Arc<dyn Branches>, queue: Arc<dyn Queue>) -> Self {
        Self { store, branches, redeliveries: None, queue }
    }

    /// The same, which also has failed deliveries made again.
    #[must_use]
    pub fn redelivering(self, redeliveries: Arc<dyn Redeliveries>) -> Self {
        Self { redeliveries: Some(redeliveries), ..self }
    }

    /// Compares the pipelines of `share`, then has the failed deliveries of its repositories made again. One that fails does
    /// not keep the others.
    ///
    /// # Errors
    /// [`AppError::Port`] if the pipelines could not be listed.
    pub async fn run(&self, share: Share) -> Result<Reconciled, AppError> {
        let (mut found, mut heads) = (Reconciled::default(), Heads::new());
        let Pipelines { readable: pipelines, unreadable } = self.store.pipelines().await?;
        found.failed.extend(unreadable.into_iter().map(|it| (it.name, it.error.into())));
        for state in share.of(pipelines.clone(), |it| it.name.as_str()) {
            match self.pipeline(&state, &mut heads).await {
                Ok(commits) => {
                    found.started.extend(commits.into_iter().map(|commit| (state.name.clone(), commit)));
                }
                Err(Uncompared::Left(why)) => found.left.push((state.name.clone(), why)),
                Err(Uncompared::Failed(error)) => found.failed.push((state.name.clone(), error)),
            }
        }
        if let Some(host) = &self.redeliveries {
            let definitions = self.definitions(&pipelines, &mut found).await;
            // Whatever share its pipelines are in, a repository has its turn once an hour: the tries are few.
            for repository in share.of(repositories(&definitions), |it| it) {
                self.redeliver(host.as_ref(), &repository, &definitions, &mut heads, &mut found).await;
            }
        }
        Ok(found)
    }

    async fn definitions(
        &self,
        pipelines: &[Arc<PipelineState>],
        found: &mut Reconciled,
    ) -> Vec<Arc<Pipeline>> {
        let mut definitions = vec![];
        for state in pipelines {
            match self.store.definition(&state.name, state.definition).await {
                Ok(definition) => definitions.extend(definition),
                Err(error) => found.failed.push((state.name.clone(), error.into())),
            }
        }
        definitions
    }

    /// Has the failed deliveries of `repository` made again. One that is refused keeps no other.
    async fn redeliver(
        &self,
        host: &dyn Redeliveries,
        repository: &str,
        definitions: &[Arc<Pipeline>],
        heads: &mut Heads,
        found: &mut Reconciled,
    ) {
        let attempts = match host.latest(repository).await {
            Ok(attempts) => attempts,
            Err(error) => return found.unredelivered.push((repository.to_owned(), error)),
        };
        let (mut made, mut refused) = (0, None);
        for attempted in redelivery::failed(&attempts) {
            let is_made = match self.is_missing(host, repository, attempted, definitions, heads).await {
                Ok(true) => host.again(repository, attempted).await.map(|()| true),
                told => told,
            };
            match is_made {
                Ok(is_made) => made += usize::from(is_made),
                Err(error) => refused = refused.or(Some(error)),
            }
        }
        if made > 0 {
            found.redelivered.push((repository.to_owned(), made));
        }
        found.unredelivered.extend(refused.map(|error| (repository.to_owned(), error)));
    }

    /// Whether only the delivery tells of what happened, and not too late: a commit that its branch has left behind would
    /// follow those after it.
    async fn is_missing(
        &self,
        host: &dyn Redeliveries,
        repository: &str,
        attempted: &Attempted,
        definitions: &[Arc<Pipeline>],
        heads: &mut Heads,
    ) -> Result<bool, PortError> {
        if attempted.event != "push" {
            return Ok(true);
        }
        let Some(Pushed { reference, commit }) = host.pushed(repository, attempted).await? else {
            return Ok(false);
        };
        let Some(branch) = reference.strip_prefix("refs/heads/") else {
            return Ok(reference.starts_with("refs/tags/"));
        };
        let mut definitions = definitions.iter();
        if !definitions.any(|it| redelivery::is_told_by_nothing_else(it, repository, branch)) {
            return Ok(false);
        }
        match self.head(repository, branch, heads).await {
            Ok(head) => Ok(head.commit == commit),
            Err(BranchError::Absent(_)) => Ok(false),
            Err(BranchError::UsedUp(why)) => Err(PortError::transient(why)),
            Err(BranchError::Failed(error)) => Err(error),
        }
    }

    /// The commits that start `state`'s pipeline.
    async fn pipeline(&self, state: &PipelineState, heads: &mut Heads) -> Result<Vec<String>, Uncompared> {
        let mut commits = vec![];
        let Some(definition) = self.store.definition(&state.name, state.definition).await? else {
            return Ok(commits);
        };
        for Followed { source, repository, branch } in followed(&definition) {
            let head = self.head(&repository, &branch, heads).await?;
            let paths = match self.news(state, &source, &repository, &head).await? {
                News::Nothing => continue,
                News::Commit { changed_paths } => changed_paths,
            };
            let event = push(&repository, &branch, &head.commit, paths);
            if let Decision::Starts(start) = decide(&definition, &event)
                && !commits.contains(&start.commit)
            {
                commits.push(start.commit.clone());
                self.queue.send(vec![message(&state.name, start)?]).await?;
            }
        }
        Ok(commits)
    }

    async fn head(&self, repository: &str, branch: &str, heads: &mut Heads) -> Result<Head, BranchError> {
        let place = (repository.to_owned(), branch.to_owned());
        // Once it is used up, it is so for every branch.
        let used_up = || heads.values().find(|it| matches!(it, Err(BranchError::UsedUp(_))));
        if let Some(known) = heads.get(&place).or_else(used_up) {
            return known.clone();
        }
        let head = self.branches.head(repository, branch).await;
        heads.insert(place, head.clone());
        head
    }

    /// Whether nothing carried `head` and it is not older than what was carried last.
    async fn news(
        &self,
        state: &PipelineState,
        source: &GitSource,
        repository: &str,
        head: &Head,
    ) -> Result<News, Uncompared> {
        match Admitted::find(self.store.as_ref(), state, source, &head.commit).await? {
            Admitted::Commit => Ok(News::Nothing),
            // What it will carry is not known yet; the next reconciliation knows.
            Admitted::Undecided => Ok(News::Nothing),
            Admitted::Nothing { since } if is_later(head, since) => Ok(News::Commit { changed_paths: None }),
            Admitted::Nothing { since: _ } => Ok(News::Nothing),
            Admitted::Before(base) => {
                let Comparison { relation, changed_paths } =
                    self.branches.compare(repository, &base, &head.commit).await?;
                Ok(match relation {
                    Relation::After => News::Commit { changed_paths },
                    Relation::Apart => News::Commit { changed_paths: None },
                    Relation::NotAfter => News::Nothing,
                })
            }
        }
    }
}

/// The repositories of all sources, also those of which only tags are followed.
fn repositories(definitions: &[Arc<Pipeline>]) -> Vec<String> {
    let sources = definitions.iter().flat_map(|definition| hosted(definition));
    let repositories: BTreeSet<String> = sources.filter_map(|source| source.repository).collect();
    repositories.into_iter().collect()
}

/// What the head of a branch is to a pipeline.
enum News {
    /// Nothing that it should carry.
    Nothing,
    /// A commit that it should carry.
    Commit {
        /// The files that it changes, as far as they are known.
        changed_paths: Option<Vec<String>>,
    },
}

/// A source whose branch starts its pipeline.
struct Followed {
    source: GitSource,
    repository: String,
    branch: String,
}

/// The sources of which a push to their own branch starts `pipeline`. Which other branches a trigger's patterns mean,
/// only the webhook says, and its failed deliveries.
fn followed(pipeline: &Pipeline) -> Vec<Followed> {
    let places = hosted(pipeline).into_iter().filter_map(|source| {
        let (repository, branch) = (source.repository.clone()?, source.branch.clone()?);
        Some(Followed { source, repository, branch })
    });
    places.filter(|it| starts(pipeline, it)).collect()
}

/// The sources that lie at GitHub.
fn hosted(pipeline: &Pipeline) -> Vec<GitSource> {
    let actions = || pipeline.stages.iter().flat_map(|stage| &stage.actions);
    let is_hosted = |source: &GitSource| {
        let mut own = actions().filter(|action| action.name == source.action);
        own.any(|action| action.action_type_id.is_github_source())
    };
    git_sources(pipeline).into_iter().filter(is_hosted).collect()
}

fn starts(pipeline: &Pipeline, followed: &Followed) -> bool {
    match decide(pipeline, &push(&followed.repository, &followed.branch, "", None)) {
        Decision::Starts(start) => start.sources.contains(&followed.source.action),
        Decision::NeedsRepository(_) | Decision::Ignored { .. } => false,
    }
}

fn push(repository: &str, branch: &str, commit: &str, changed_paths: Option<Vec<String>>) -> GitEvent {
    GitEvent::Push(Push {
        repository: repository.to_owned(),
        reference: Reference::Branch(branch.to_owned()),
        commit: commit.to_owned(),
        message: None,
        author: None,
        changed_paths,
        deleted: false,
    })
}

/// The start of `pipeline` with the commit: its id follows from both.
fn message(pipeline: &PipelineName, start: Start) -> Result<Message, PortError> {
    let id = command_from("start", &format!("polled {}", start.commit))?;
    let pin = |action| RevisionOverride { action, kind: RevisionKind::CommitId, value: start.commit.clone() };
    let request = Request::Start {
        execution: ExecutionId::derive(pipeline, &id),
        trigger: TriggerCause {
            kind: TriggerKind::PollForSourceChanges,
            detail: format!("{}, found without a webhook", start.cause),
            delivery: None,
            reference: Some(Box::new(start.reference)),
        },
        variables: BTreeMap::new(),
        overrides: start.sources.into_iter().map(pin).collect(),
    };
    Ok(Message::Command { command: Command { id, pipeline: pipeline.clone(), request } })
}

/// Whether the commit was made after `since`; both are told in UTC, to the second.
fn is_later(head: &Head, since: Timestamp) -> bool {
    const SECONDS: usize = "2000-01-01T00:00:00".len();
    let since = since.to_string();
    let committed_at = head.committed_at.as_deref().filter(|moment| moment.ends_with('Z'));
    committed_at.is_some_and(|moment| moment.get(..SECONDS) > since.get(..SECONDS))
}
