//! Cleaning up on one machine: what the use case walks through is the links below `artifacts/keys` and the files below `logs`.
//!
//! An artifact is a link from its attempt's token to an object that other attempts may share: the link is given up, and with the last
//! one the object. Which pipeline a token belongs to follows from the executions. Build caches, which no execution
//! needs, go by the time at which they were last used.

mod caches;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use penstock_app::clean_up::CleanUp;
use penstock_app::port::PortError;
use penstock_app::port::clean_up::{ObjectVersion, Page, Walk, Walks};
use penstock_app::port::clock::{Clock, timestamp};
use penstock_app::port::store::Store;
use penstock_model::artifact::PREFIX;
use penstock_model::id::{AttemptId, PipelineName};
use penstock_model::time::Timestamp;

use crate::database::Database;
use crate::logs::LogFiles;
use crate::objects::Objects;

/// The cursor's name: when the latest walk began.
const CURSOR: &str = "clean-up";
/// How often it is looked whether a walk is due, which the use case decides by the clock.
const LOOK: Duration = Duration::from_secs(15 * 60);
/// How many executions are read at once.
const PAGE: usize = 100;

/// What cleaning up walks through.
pub(crate) struct Stored {
    database: Arc<Database>,
    objects: Objects,
    logs: LogFiles,
    /// Held by whatever is under way, also when nobody waits for it any more.
    lock: Option<Arc<fs::File>>,
}

/// The links of an attempt: file names with the time at which they were made.
type Links = BTreeMap<String, Vec<(String, Timestamp)>>;

impl Stored {
    pub(crate) fn new(database: Arc<Database>, objects: Objects, logs: LogFiles) -> Self {
        Self { database, objects, logs, lock: None }
    }

    /// The same; the folder's `lock` is held until the last file is dealt with.
    pub(crate) fn holding(self, lock: Arc<fs::File>) -> Self {
        Self { lock: Some(lock), ..self }
    }

    /// Works on files in a thread that may block.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> io::Result<T> + Send + 'static,
    ) -> Result<T, PortError> {
        let held = self.lock.clone();
        let work = move || {
            let done = work();
            drop(held);
            done
        };
        let failed = |error: &dyn std::fmt::Display| PortError::transient(format!("clean up: {error}"));
        let done = tokio::task::spawn_blocking(work).await;
        done.map_err(|error| failed(&error))?.map_err(|error| failed(&error))
    }

    /// Waits until the links of which records tell are on the disk.
    async fn settle_links(&self) -> Result<(), PortError> {
        let (objects, database) = (self.objects.clone(), Arc::clone(&self.database));
        self.blocking(move || objects.settle_links(&database).map_err(io::Error::other)).await
    }

    /// The links whose attempts belong to executions of `pipeline`, taken out of `links`.
    async fn of_pipeline(
        &self,
        pipeline: &PipelineName,
        links: &mut Links,
    ) -> Result<Vec<ObjectVersion>, PortError> {
        let (mut versions, mut before) = (vec![], None);
        while !links.is_empty() {
            let page = self.database.executions(pipeline, before, PAGE).await?;
            for execution in &page {
                for (stage, action, last) in execution.stages.iter().flat_map(|run| {
                    run.actions.iter().map(|(action, attempt)| (&run.name, action, attempt.number))
                }) {
                    for number in 1..=last {
                        let (execution, stage, action) =
                            (execution.id.clone(), stage.clone(), action.clone());
                        let token = AttemptId { execution, stage, action, number }.token();
                        let found = links.remove(&token).unwrap_or_default().into_iter();
                        versions.extend(found.map(|link| version(pipeline, &token, link)));
                    }
                }
            }
            match page.last() {
                Some(last) if page.len() == PAGE => before = Some(last.sequence),
                Some(_) | None => break,
            }
        }
        Ok(versions)
    }
}

#[async_trait]
impl penstock_app::port::clean_up::Objects for Stored {
    /// All there is, on one page: by pipeline, the logs last.
    async fn page(&self, _from: Option<&str>) -> Result<Page, PortError> {
        let (objects, logs) = (self.objects.clone(), self.logs.clone());
        let (mut links, logs) = self.blocking(move || Ok((links(&objects)?, log_files(&logs)?))).await?;
        let (mut versions, mut all_are_known) = (vec![], true);
        let pipelines = self.database.every_pipeline();
        for pipeline in &pipelines {
            match self.of_pipeline(pipeline, &mut links).await {
                Ok(found) => versions.extend(found),
                // What cannot be read is kept, and keeps nothing else.
                Err(error) if !error.retryable => {
                    tracing::warn!(%pipeline, %error, "artifacts were not looked at");
                    all_are_known = false;
                }
                Err(error) => return Err(error),
            }
        }
        // What was stored ahead of an admission that failed is no execution's; some pipeline has to answer for it.
        if let Some(pipeline) = pipelines.first().filter(|_| all_are_known) {
            for (token, found) in links {
                versions.extend(found.into_iter().map(|link| version(pipeline, &token, link)));
            }
        }
        versions.extend(logs);
        Ok(Page { versions, next: None })
    }

    async fn give_up(&self, versions: &[ObjectVersion]) -> Result<(), PortError> {
        let (objects, logs, versions) = (self.objects.clone(), self.logs.clone(), versions.to_vec());
        self.blocking(move || {
            let mut links = vec![];
            for version in &versions {
                let parts: Vec<&str> = version.key.split('/').collect();
                match (parts.as_slice(), &version.version_id) {
                    (["logs", _], Some(file)) => logs.remove(Path::new(file))?,
                    ([_, _, token, name], None) => links.push(((*token).to_owned(), (*name).to_owned())),
                    _ => {}
                }
            }
            objects.forget(&links)
        })
        .await
    }
}

#[async_trait]
impl Walks for Database {
    async fn latest(&self) -> Result<Option<Walk>, PortError> {
        let began_at = i64::try_from(self.cursor(CURSOR)?).unwrap_or(i64::MAX);
        Ok((began_at > 0).then_some(Walk { began_at: Timestamp(began_at), next: None }))
    }

    async fn remember(&self, walk: &Walk) -> Result<(), PortError> {
        self.set_cursor(CURSOR, u64::try_from(walk.began_at.0).unwrap_or(0))
    }
}

/// Cleans up whenever it is due, until it is dropped.
pub(crate) async fn run(clean_up: CleanUp, stored: Arc<Stored>, caches: PathBuf, clock: Arc<dyn Clock>) {
    loop {
        if let Err(error) = stored.settle_links().await {
            tracing::warn!("links are settled later: {error}");
        }
        match clean_up.run().await {
            Ok(Some(cleaned)) => {
                tracing::info!(
                    "cleaned up: {} of {} artifacts and logs given up",
                    cleaned.given_up,
                    cleaned.seen
                );
                let (caches, now) = (caches.clone(), clock.now());
                if let Err(error) = stored.blocking(move || caches::clean_up(&caches, now)).await {
                    tracing::warn!("caches are cleaned up tomorrow: {error}");
                }
            }
            Ok(None) => {}
            Err(error) => tracing::warn!("cleaning up is tried again: {error}"),
        }
        tokio::time::sleep(LOOK).await;
    }
}

fn version(pipeline: &PipelineName, token: &str, (name, written_at): (String, Timestamp)) -> ObjectVersion {
    ObjectVersion { key: format!("{PREFIX}{pipeline}/{token}/{name}"), version_id: None, written_at }
}

fn links(objects: &Objects) -> io::Result<Links> {
    let mut links = Links::new();
    for (token, name, metadata) in objects.links()? {
        links.entry(token).or_default().push((name, written_at(&metadata)?));
    }
    Ok(links)
}

/// The use case knows logs by their attempts' tokens; the file is what is to be removed.
fn log_files(logs: &LogFiles) -> io::Result<Vec<ObjectVersion>> {
    let version = |(attempt, file, metadata): (AttemptId, PathBuf, fs::Metadata)| {
        let version_id = Some(file.to_string_lossy().into_owned());
        Ok(ObjectVersion {
            key: format!("logs/{}.log", attempt.token()),
            version_id,
            written_at: written_at(&metadata)?,
        })
    };
    logs.all()?.into_iter().map(version).collect()
}

fn written_at(metadata: &fs::Metadata) -> io::Result<Timestamp> {
    Ok(timestamp(metadata.modified()?))
}

#[cfg(test)]
mod tests;
