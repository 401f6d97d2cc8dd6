//! The S3 source: an object of a versioned bucket, pinned at one version, becomes the output artifact unchanged.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_s3::Client;
use aws_sdk_s3::operation::get_object::GetObjectOutput;
use penstock_app::engine::state::{ErrorCode, External};
use penstock_app::partition::console;
use penstock_app::port::PortError;
use penstock_app::port::artifacts::Artifacts;
use penstock_app::port::provider::{Begun, Done, Ending, Observation, Provider, Stop, Work};
use penstock_app::port::revisions::Revisions;
use penstock_model::artifact::Revision;
use tokio::io::AsyncWriteExt;

use super::failure::Failure;
use crate::access::{Access, WithoutRole};
use crate::artifacts::disk;
use crate::bucket;
use crate::offered::s3_source::Place;

/// The largest object (`CodePipeline` user guide, "Quotas": source artifacts of S3).
const MAX_OBJECT: i64 = 7 << 30;

/// Fetches from S3.
#[derive(Clone)]
pub struct S3Source {
    access: Access,
    artifacts: Arc<dyn Artifacts>,
    revisions: Arc<dyn Revisions>,
    without_role: WithoutRole,
}

impl S3Source {
    /// Into `artifacts`; what an action without a role may do is the installation's choice.
    pub fn new(
        access: Access,
        artifacts: Arc<dyn Artifacts>,
        revisions: Arc<dyn Revisions>,
        without_role: WithoutRole,
    ) -> Self {
        Self { access, artifacts, revisions, without_role }
    }

    async fn fetch(&self, work: &Work, taken_over: bool) -> Result<Done, Failure> {
        let place =
            Place::of(&work.action, work.revision_override.as_ref()).map_err(Failure::configuration)?;
        let sdk = self.access.of(work, self.without_role.once_begun(taken_over)).await?;
        let (object, version) = self.object(&bucket::client(&sdk), &place, work).await?;
        let etag = object.e_tag().unwrap_or_default().trim_matches('"').to_owned();
        let mut artifacts = vec![];
        if let Some(output) = work.action.output_artifacts.first() {
            let what = format!("fetch {}", place.uri());
            let folder = tempfile::tempdir().map_err(|error| disk::failed(&what, &error))?;
            let file = folder.path().join("object");
            save(&what, object, &file).await?;
            artifacts.push(self.artifacts.hand_on(work, &output.name, &file).await?);
        }
        Ok(done(&place, version, etag, sdk.region(), artifacts))
    }

    /// The object as it is meant; if the fetch is repeated, the version that was meant the first time.
    async fn object(
        &self,
        client: &Client,
        place: &Place,
        work: &Work,
    ) -> Result<(GetObjectOutput, String), Failure> {
        let object = get(client, place).await?;
        let version = pinned(place, &object)?;
        if place.version.is_some() {
            return Ok((object, version));
        }
        let kept = self.revisions.keep_to(&work.attempt, &version).await?;
        if kept == version {
            return Ok((object, version));
        }
        let place = Place { version: Some(kept.clone()), ..place.clone() };
        Ok((get(client, &place).await?, kept))
    }
}

/// One call gets the object and says which version it is.
async fn get(client: &Client, place: &Place) -> Result<GetObjectOutput, Failure> {
    let call =
        client.get_object().bucket(&place.bucket).key(&place.key).set_version_id(place.version.clone());
    call.send().await.map_err(|error| {
        let what = format!("get {}", place.uri());
        let failed = bucket::failed(&what, &error);
        if matches!(bucket::status(&error), Some(404)) {
            return Failure::ends(ErrorCode::RevisionUnavailable, failed.in_a_sentence());
        }
        Failure::of_s3(failed, &error)
    })
}

/// The version, which the execution keeps to from here on.
fn pinned(place: &Place, object: &GetObjectOutput) -> Result<String, Failure> {
    if object.content_length().is_some_and(|length| length > MAX_OBJECT) {
        return Err(Failure::configuration(format!("{} is larger than {MAX_OBJECT} bytes", place.uri())));
    }
    match object.version_id() {
        Some(version) if version != "null" => Ok(version.to_owned()),
        Some(_) | None => Err(Failure::configuration(format!(
            "{} has no version: turn on versioning for the bucket (aws s3api put-bucket-versioning --bucket {} --versioning-configuration Status=Enabled) and upload the object again",
            place.uri(),
            place.bucket
        ))),
    }
}

async fn save(what: &str, object: GetObjectOutput, file: &Path) -> Result<(), PortError> {
    let full = |error| disk::failed(what, &error);
    let file = tokio::fs::File::create(file).await.map_err(full)?;
    let (mut body, mut file) = (object.body, tokio::io::BufWriter::with_capacity(1 << 20, file));
    while let Some(bytes) =
        body.try_next().await.map_err(|error| PortError::transient(format!("{what}: {error}")))?
    {
        file.write_all(&bytes).await.map_err(full)?;
    }
    file.flush().await.map_err(full)
}

/// The result with the output variables that `CodePipeline` documents for its S3 source.
fn done(
    place: &Place,
    version: String,
    etag: String,
    region: &str,
    artifacts: Vec<penstock_model::artifact::Artifact>,
) -> Done {
    let url = format!(
        "{}/s3/object/{}?region={region}&prefix={}&versionId={version}",
        console(region),
        place.bucket,
        place.key
    );
    let summary = format!("{} version {version}", place.uri());
    Done {
        artifacts,
        variables: BTreeMap::from([
            ("BucketName".to_owned(), place.bucket.clone()),
            ("ETag".to_owned(), etag),
            ("ObjectKey".to_owned(), place.key.clone()),
            ("VersionId".to_owned(), version.clone()),
        ]),
        revision: Some(Revision {
            id: version.clone(),
            summary: Some(format!("Amazon S3 version id: {version}")),
            url: Some(url.clone()),
            author: None,
        }),
        external: Some(External { id: version, url: Some(url) }),
        summary: Some(summary),
        started_at: None,
    }
}

#[async_trait]
impl Provider for S3Source {
    async fn start(&self, work: &Work, taken_over: bool) -> Result<Begun, PortError> {
        // Fetching again is harmless: the attempt keeps to its first version, and an object of it that is there is
        // adopted.
        match self.fetch(work, taken_over).await {
            Ok(done) => Ok(Begun::Ended(Ending::Succeeded(Box::new(done)))),
            Err(failure) => failure.begun(false),
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
