//! The S3 deploy provider: puts the artifact, or the files in it, into a bucket.
//!
//! Nothing is pruned. The whole is done while it starts: a repetition writes the same keys again, except those that a
//! cursor says were written. What takes longer than a function may goes on from there when it is dispatched again; then the
//! artifact is fetched and unpacked anew, as the disk was another machine's. Of 200 MB in 2,000 files that is a second of
//! work and 200 MB of network, some eight seconds at a function's share of a processor, before each stretch of thirteen
//! minutes. Reading parts of the archive by range would spare them, and its digest could not be checked.
//! `{datetime}` is the moment at which the attempt was scheduled and `{uuid}` follows from its token, so that a repetition
//! keeps both.
//! `Content-Type` follows from the name of each object; a zip that is put whole under another ending is
//! `application/zip`.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use penstock_app::engine::state::External;
use penstock_app::partition::console;
use penstock_app::port::PortError;
use penstock_app::port::artifacts::Artifacts;
use penstock_app::port::provider::{Begun, Done, Ending, Observation, Provider, Stop, Work};
use penstock_archive::{ArchiveError, Limits};
use penstock_model::artifact::Artifact;
use tokio::time::{Instant, timeout_at};

use self::content_type::content_type;
use self::files::Sources;
use self::upload::{Progress, Upload};
use super::failure::Failure;
use crate::access::{Access, WithoutRole};
use crate::artifacts::{S3Artifacts, disk};
use crate::attempt_log::AttemptLogs;
use crate::bucket;
use crate::cursor::Cursors;
use crate::offered::s3_deploy::Settings;
use crate::sdk::Sdk;

mod content_type;
mod files;
mod upload;

/// How long files are put at a stretch: a little less than the function may take.
const STRETCH: Duration = Duration::from_secs(13 * 60);

/// Performs S3 deploy actions.
#[derive(Clone)]
pub struct S3Deploy {
    access: Access,
    artifacts: Arc<S3Artifacts>,
    cursors: Arc<dyn Cursors>,
    without_role: WithoutRole,
    limits: Limits,
    logs: Option<AttemptLogs>,
}

impl S3Deploy {
    /// With input artifacts from `artifacts`, extracted within `limits`; how far it came is in `cursors`. What an action
    /// without a role may do is the installation's choice.
    pub fn new(
        access: Access,
        artifacts: Arc<S3Artifacts>,
        cursors: Arc<dyn Cursors>,
        without_role: WithoutRole,
        limits: Limits,
    ) -> Self {
        Self { access, artifacts, cursors, without_role, limits, logs: None }
    }

    /// The same, which tells `logs` how far a deployment came that was stopped.
    #[must_use]
    pub fn with_logs(self, logs: AttemptLogs) -> Self {
        Self { logs: Some(logs), ..self }
    }

    async fn put(&self, work: &Work, taken_over: bool, tally: &Tally) -> Result<Done, Failure> {
        let until = Instant::now() + STRETCH;
        let settings = Settings::of(&work.action).map_err(Failure::configuration)?;
        let key = settings.key_of(work).map_err(Failure::configuration)?;
        let sdk = self.access.of(work, self.without_role.once_begun(taken_over)).await?;
        let input =
            work.inputs.first().ok_or_else(|| Failure::configuration("the action has no input artifact"))?;
        let folder = tempfile::tempdir().map_err(|error| full(&error))?;
        let zip = folder.path().join("artifact.zip");
        self.artifacts.of(work, &sdk).fetch(input, &zip).await?;
        let client = bucket::client(&sdk);
        let upload = Upload { client: &client, settings: &settings };
        let summary = if settings.extract {
            let sources = self.extract(zip, folder.path().join("files")).await?;
            let summary = said(&settings.bucket, &key, &sources);
            let progress = Progress { cursors: self.cursors.as_ref(), attempt: &work.attempt };
            let from = if taken_over { progress.read().await? } else { 0 };
            tally.of.store(sources.files.len(), Ordering::Relaxed);
            tally.put.store(from, Ordering::Relaxed);
            let put = timeout_at(until, upload.all(&key, sources.files, from, &progress, &tally.put)).await;
            put.unwrap_or_else(|_| Err(to_be_continued(&key, &settings.bucket)))?;
            summary
        } else {
            let kind = content_type(&key).unwrap_or("application/zip");
            upload.one(&key, &zip, input.size, Some(kind)).await?;
            format!("put `{}` as s3://{}/{key}", input.name, settings.bucket)
        };
        Ok(Done {
            summary: Some(summary),
            external: Some(page(&sdk, &settings, &key, input)),
            ..Done::default()
        })
    }

    async fn begin(&self, work: &Work, taken_over: bool, tally: &Tally) -> Result<Begun, PortError> {
        match self.put(work, taken_over, tally).await {
            Ok(done) => Ok(Begun::Ended(Ending::Succeeded(Box::new(done)))),
            Err(failure) => failure.begun(false),
        }
    }

    /// Says what is in the bucket of a deployment that was stopped.
    async fn tell(&self, work: &Work, tally: &Tally) {
        let told = tally.told();
        tracing::info!(attempt = %work.attempt, told, "a deployment was stopped");
        let Some(logs) = &self.logs else { return };
        if let Err(error) = logs.write(&work.attempt, format!("{told}\n").as_bytes()).await {
            tracing::warn!(attempt = %work.attempt, %error, "how far it came is not in its log");
        }
    }

    async fn extract(&self, zip: PathBuf, into: PathBuf) -> Result<Sources, Failure> {
        let limits = self.limits;
        let found = tokio::task::spawn_blocking(move || {
            penstock_archive::extract(&zip, &into, limits).map_err(unpacked)?;
            std::fs::remove_file(&zip).map_err(|error| full(&error))?;
            files::list(&into).map_err(|error| full(&error))
        });
        let sources = found
            .await
            .map_err(|error| PortError::transient(format!("unpack the input artifact: {error}")))??;
        if sources.bytes > limits.bytes {
            return Err(Failure::configuration(format!(
                "the input artifact has {} bytes, each link counted like its file; at most {} are taken",
                sources.bytes, limits.bytes
            )));
        }
        Ok(sources)
    }
}

/// Not before the claim has expired; until then, the function may be gone for good.
fn to_be_continued(key: &str, bucket: &str) -> Failure {
    let message = format!(
        "put all files into s3://{bucket}/{key} at a stretch; it goes on when it is dispatched again"
    );
    Failure::Passing(PortError::transient(message))
}

/// How far a deployment is.
#[derive(Debug, Default)]
struct Tally {
    put: AtomicUsize,
    of: AtomicUsize,
}

impl Tally {
    fn told(&self) -> String {
        match (self.put.load(Ordering::Relaxed), self.of.load(Ordering::Relaxed)) {
            (_, 0) => "stopped before a file was known to be put".to_owned(),
            (put, of) => format!(
                "stopped after {put} of {of} objects were put; they stay, and some that were under way may have got there: deploy again to have all of one artifact"
            ),
        }
    }
}

fn full(error: &std::io::Error) -> Failure {
    disk::failed("unpack the input artifact", error).into()
}

fn unpacked(error: ArchiveError) -> Failure {
    match error {
        ArchiveError::Io { source, .. } if disk::is_full(&source) => full(&source),
        ArchiveError::Io { .. }
        | ArchiveError::Damaged(_)
        | ArchiveError::Refused { .. }
        | ArchiveError::TooLarge(_) => {
            Failure::configuration(format!("the input artifact cannot be extracted: {error}"))
        }
    }
}

fn said(bucket: &str, key: &str, sources: &Sources) -> String {
    let count = sources.files.len();
    let objects = if count == 1 { "object" } else { "objects" };
    let left_out = match sources.left_out {
        0 => String::new(),
        left_out => format!(" ({left_out} links that lead to no file left out)"),
    };
    format!("put {count} {objects} into s3://{bucket}/{key}{left_out}")
}

/// The page of what was put.
fn page(sdk: &Sdk, settings: &Settings, key: &str, input: &Artifact) -> External {
    let bucket = &settings.bucket;
    let region = sdk.region();
    let folder = if settings.extract { key } else { key.rsplit_once('/').map_or("", |(folder, _)| folder) };
    let prefix = match folder.trim_end_matches('/') {
        "" => String::new(),
        folder => format!("&prefix={folder}/"),
    };
    let url = format!("{}/s3/buckets/{bucket}?region={region}{prefix}", console(region));
    let name = if key.is_empty() { input.name.as_str() } else { key };
    External { id: format!("{bucket}/{name}"), url: Some(url) }
}

#[async_trait]
impl Provider for S3Deploy {
    async fn start(&self, work: &Work, taken_over: bool) -> Result<Begun, PortError> {
        self.begin(work, taken_over, &Tally::default()).await
    }

    async fn start_until(&self, work: &Work, taken_over: bool, stop: &Stop) -> Result<Begun, PortError> {
        let tally = Tally::default();
        let begun = stop.or(self.begin(work, taken_over, &tally)).await;
        if matches!(begun, Ok(Begun::Ended(Ending::Cancelled))) {
            self.tell(work, &tally).await;
        }
        begun
    }

    async fn observe(&self, _work: &Work, _external: &External) -> Result<Observation, PortError> {
        Ok(Observation::Gone)
    }

    async fn cancel(&self, _work: &Work, _external: Option<&External>) -> Result<Observation, PortError> {
        Ok(Observation::Gone)
    }
}
