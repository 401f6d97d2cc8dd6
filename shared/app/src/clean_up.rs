//! Gives up what nobody needs any more of the artifact store: once a day, a few pages a sweep.
//!
//! Needed are the artifacts of open executions (which includes all that wait for an approval), of the latest
//! [`TARGETS`] successes of each stage, of whatever ended in the last [`GRACE`], and of what a rollback brings back or a
//! retry may run again. That an execution is no longer needed is first made known to `transition`, which from then on
//! refuses to bring it back; only on a later walk are its objects given up. So whatever is admitted meanwhile has all
//! that it needs.

mod holding;
mod kind;
mod plan;

use std::sync::Arc;
use std::time::Duration;

use penstock_engine::command::{Command, Request};
use penstock_model::id::PipelineName;
use penstock_model::time::Timestamp;

use crate::command_id::command_from;
use crate::error::AppError;
use crate::port::PortError;
use crate::port::clean_up::{ObjectVersion, Objects, Page, Walk, Walks};
use crate::port::clock::Clock;
use crate::port::queue::{Message, Queue};
use crate::port::store::Store;
use holding::Holding;
use kind::Kind;

/// For how long an execution's artifacts are kept after its end, and any object after it was written.
pub const GRACE: Duration = Duration::from_secs(7 * DAY);
/// How many successes of each stage can be rolled back to for good, whatever their age.
pub const TARGETS: usize = 10;
/// For how long the ends of logs and queued messages are kept, which no execution needs to go on: as long as the
/// records that refer to them (quarantined commands).
pub const LOGS_KEPT: Duration = Duration::from_secs(90 * DAY);
/// How often a walk through all objects begins.
const PERIOD: Duration = Duration::from_secs(DAY);
const DAY: u64 = 24 * 3600;
/// How many pages one sweep looks at.
const PAGES: usize = 20;
/// After how many objects that were given up a sweep ends.
const ENOUGH: usize = 2000;

/// Cleans up.
pub struct CleanUp {
    store: Arc<dyn Store>,
    objects: Arc<dyn Objects>,
    walks: Arc<dyn Walks>,
    queue: Arc<dyn Queue>,
    clock: Arc<dyn Clock>,
}

/// What one sweep cleaned up.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cleaned {
    /// How many versions of objects were looked at.
    pub seen: usize,
    /// How many of them were given up.
    pub given_up: usize,
    /// The pipelines that were asked to release executions.
    pub released: Vec<PipelineName>,
    /// Whether the walk is over.
    pub complete: bool,
}

/// The pipeline whose objects are being looked at; their keys follow each other.
type Current = Option<(PipelineName, Option<Holding>)>;

impl CleanUp {
    /// Cleaning up `objects`, as the executions in `store` allow.
    pub fn new(
        store: Arc<dyn Store>,
        objects: Arc<dyn Objects>,
        walks: Arc<dyn Walks>,
        queue: Arc<dyn Queue>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { store, objects, walks, queue, clock }
    }

    /// Goes on with the walk that is under way, or begins one if the latest began a day ago; `None` if nothing was to
    /// be done.
    ///
    /// # Errors
    /// [`AppError::Port`]: the next sweep goes on after the last page that was dealt with.
    pub async fn run(&self) -> Result<Option<Cleaned>, AppError> {
        let now = self.clock.now();
        let mut walk = match self.walks.latest().await? {
            Some(walk) if walk.next.is_some() => walk,
            Some(walk) if now.since(walk.began_at) < PERIOD => return Ok(None),
            Some(_) | None => Walk { began_at: now, next: None },
        };
        let (mut cleaned, mut current) = (Cleaned::default(), None);
        for _ in 0..PAGES {
            let page = self.page(&walk).await?;
            cleaned.seen += page.versions.len();
            cleaned.given_up += self.look_at(page.versions, &mut current, &mut cleaned.released).await?;
            walk.next = page.next;
            self.walks.remember(&walk).await?;
            cleaned.complete = walk.next.is_none();
            if cleaned.complete || cleaned.given_up >= ENOUGH {
                break;
            }
        }
        Ok(Some(cleaned))
    }

    /// A place that the store knows no more would hold all further walks up: then the next one begins anew.
    async fn page(&self, walk: &Walk) -> Result<Page, AppError> {
        match self.objects.page(walk.next.as_deref()).await {
            Err(error) if !error.retryable && walk.next.is_some() => {
                self.walks.remember(&Walk { next: None, ..walk.clone() }).await?;
                Err(error.into())
            }
            page => Ok(page?),
        }
    }

    async fn look_at(
        &self,
        versions: Vec<ObjectVersion>,
        current: &mut Current,
        released: &mut Vec<PipelineName>,
    ) -> Result<usize, AppError> {
        let now = self.clock.now();
        let mut needless = vec![];
        for version in versions {
            if self.is_needless(&version, now, current, released).await? {
                needless.push(version);
            }
        }
        if !needless.is_empty() {
            self.objects.give_up(&needless).await?;
        }
        Ok(needless.len())
    }

    async fn is_needless(
        &self,
        version: &ObjectVersion,
        now: Timestamp,
        current: &mut Current,
        released: &mut Vec<PipelineName>,
    ) -> Result<bool, AppError> {
        let age = now.since(version.written_at);
        match Kind::of(&version.key) {
            // Not written by us.
            Kind::Foreign => Ok(false),
            Kind::Record => Ok(age > LOGS_KEPT),
            Kind::Artifact { pipeline, attempt } => {
                if current.as_ref().is_none_or(|(known, _)| *known != pipeline) {
                    let holding = self.holding(&pipeline, now, released).await?;
                    *current = Some((pipeline, holding));
                }
                let holding = current.as_ref().and_then(|(_, holding)| holding.as_ref());
                Ok(age > GRACE && holding.is_some_and(|holding| !holding.needs(&version.key, attempt)))
            }
        }
    }

    /// What `pipeline` needs; `None` if that is not known.
    async fn holding(
        &self,
        pipeline: &PipelineName,
        now: Timestamp,
        released: &mut Vec<PipelineName>,
    ) -> Result<Option<Holding>, AppError> {
        let Some(holding) = Holding::read(self.store.as_ref(), pipeline, now).await? else {
            return Ok(None);
        };
        if let Some(request) = holding.release(now) {
            self.queue.send(vec![message(pipeline, request, now)?]).await?;
            released.push(pipeline.clone());
        }
        Ok(holding.is_complete().then_some(holding))
    }
}

fn message(pipeline: &PipelineName, request: Request, now: Timestamp) -> Result<Message, PortError> {
    let id = command_from("release", &format!("{pipeline} {}", now.0))?;
    Ok(Message::Command { command: Command { id, pipeline: pipeline.clone(), request } })
}
