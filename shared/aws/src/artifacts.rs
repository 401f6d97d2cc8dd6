//! The artifact store in S3: objects under keys that contain the attempt, written once and recognised by their digest.
//!
//! An object is written on the condition that none is there (S3 user guide, "Conditional writes"). One that is there
//! already and has the very content is adopted. Builds write to this bucket as well, so anything else may have been put
//! there by one that wants it deployed in our object's place: ours then gets a key of its own.

mod digest;
pub(crate) mod disk;
mod download;
mod multipart;
pub(crate) mod place;
#[cfg(feature = "sts")]
mod sources;
mod upload;

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_s3::Client;
use aws_sdk_s3::types::{ChecksumMode, ChecksumType};
use penstock_app::port::PortError;
use penstock_app::port::artifacts::Artifacts;
use penstock_app::port::provider::Work;
use penstock_model::artifact::{self, Artifact};
use penstock_model::id::{ArtifactName, AttemptId, PipelineName};

use crate::bucket;
use crate::sdk::Sdk;
use digest::Digested;
use download::Found;
use place::StorePlace;
#[cfg(feature = "sts")]
pub use sources::SourceArtifacts;
use upload::{Upload, Uploaded};

/// Files larger than this are written in parts.
const SINGLE: u64 = 64 << 20;

/// Artifacts in one bucket; they are fetched from the bucket that they name, which is in the same region.
#[derive(Debug, Clone)]
pub struct S3Artifacts(Arc<Inner>);

#[derive(Debug, Clone)]
struct Inner {
    sdk: Sdk,
    client: Client,
    bucket: String,
    /// The KMS key that encrypts what is written; `None`: as the bucket has it.
    encryption_key: Option<String>,
    /// Above which size a file is written in parts, in bytes.
    single: u64,
}

impl S3Artifacts {
    /// Artifacts in `bucket`, encrypted as the bucket has it. A bucket in another region needs an [`Sdk`] of that region.
    pub fn new(sdk: &Sdk, bucket: &str) -> Self {
        let inner = Inner {
            sdk: sdk.clone(),
            client: bucket::client(sdk),
            bucket: bucket.to_owned(),
            encryption_key: None,
            single: SINGLE,
        };
        Self(Arc::new(inner))
    }

    /// The store of `work`: that of its action's region, else this one. It is reached with the credentials of `role`, as
    /// an action reads and writes artifacts under its own.
    #[must_use]
    pub fn of(&self, work: &Work, role: &Sdk) -> Self {
        let StorePlace { bucket, region, encryption_key } = self.place_of(work);
        let sdk = self.0.sdk.acting_as(role.config().credentials_provider(), Some(&region));
        let client = bucket::client(&sdk);
        Self(Arc::new(Inner { sdk, client, bucket, encryption_key, single: self.0.single }))
    }

    pub(crate) fn place_of(&self, work: &Work) -> StorePlace {
        StorePlace::of(work, self.region(), &self.0.bucket)
    }

    /// Whether this is the store of `work`.
    #[cfg(feature = "sts")]
    fn is_of(&self, work: &Work) -> bool {
        let place = self.place_of(work);
        place.bucket == self.0.bucket && place.encryption_key == self.0.encryption_key
    }

    /// The region of its bucket.
    pub(crate) fn region(&self) -> &str {
        self.0.sdk.region()
    }

    /// The KMS key that encrypts what is written; `None`: as the bucket has it.
    pub(crate) fn encryption_key(&self) -> Option<&str> {
        self.0.encryption_key.as_deref()
    }

    /// What its calls are made with.
    pub(crate) fn sdk(&self) -> &Sdk {
        &self.0.sdk
    }

    /// Writes files of more than `bytes` in parts; 64 MiB where nothing is said.
    #[must_use]
    pub fn in_parts_above(self, bytes: u64) -> Self {
        Self(Arc::new(Inner { single: bytes, ..Inner::clone(&self.0) }))
    }

    /// Takes an object that a provider wrote as the artifact `name`, as it is now: reads it through for its digest.
    ///
    /// # Errors
    /// Permanent if it is not there or may not be read.
    pub async fn adopt(
        &self,
        bucket: &str,
        key: &str,
        version: Option<&str>,
        name: &ArtifactName,
    ) -> Result<Artifact, PortError> {
        let found = download::digest(&self.0.client, bucket, key, version).await?;
        Ok(artifact(name, bucket, key, found.version, found.digested))
    }

    /// Writes `file` under `key`, or adopts what is there with the very content; under a further key if another is there.
    pub(crate) async fn store(
        &self,
        name: &ArtifactName,
        key: String,
        file: &Path,
    ) -> Result<Artifact, PortError> {
        let digested = digest::of(file).await?;
        let further = format!("{}-{}.zip", key.trim_end_matches(".zip"), &digested.sha256[..16]);
        for key in [key, further] {
            if let Some(version) = self.write_or_find(&key, file, &digested).await? {
                return Ok(artifact(name, &self.0.bucket, &key, version, digested));
            }
            tracing::warn!(key, bucket = self.0.bucket, "another object lies where an artifact belongs");
        }
        let bucket = &self.0.bucket;
        Err(PortError::permanent(format!(
            "store the artifact `{name}`: somebody else writes to its keys in {bucket}; find out who, and retry the stage"
        )))
    }

    /// The version of the object under `key` that has the content of `file`; `None` if another is there.
    async fn write_or_find(
        &self,
        key: &str,
        file: &Path,
        digested: &Digested,
    ) -> Result<Option<Option<String>>, PortError> {
        let Inner { client, bucket, encryption_key, single, .. } = &*self.0;
        let encryption_key = encryption_key.as_deref();
        let upload = Upload { client, bucket, key, encryption_key, file, digested };
        let uploaded =
            if digested.size > *single { upload.in_parts(*single).await } else { upload.whole().await };
        match uploaded? {
            Uploaded::Written(version) => Ok(Some(version)),
            Uploaded::Exists => {
                let found = self.existing(key).await?;
                Ok((found.digested == *digested).then_some(found.version))
            }
        }
    }

    /// The object that is there already, by the SHA-256 that S3 has checked itself, else by reading it through: metadata
    /// say what whoever wrote it likes.
    async fn existing(&self, key: &str) -> Result<Found, PortError> {
        let Inner { client, bucket, .. } = &*self.0;
        let head =
            client.head_object().bucket(bucket).key(key).checksum_mode(ChecksumMode::Enabled).send().await;
        let head = head.map_err(|error| match bucket::status(&error) {
            // Between our two requests it was removed.
            Some(404) => PortError::transient(format!("adopt `{key}` in {bucket}: it is there no more")),
            Some(_) | None => bucket::failed(&format!("adopt `{key}` in {bucket}"), &error),
        })?;
        let is_whole = head.checksum_type() != Some(&ChecksumType::Composite);
        let told = head.checksum_sha256().filter(|_| is_whole).and_then(digest::from_base64);
        let size = head.content_length().and_then(|size| u64::try_from(size).ok());
        if let (Some(sha256), Some(size)) = (told, size) {
            return Ok(Found { version: head.version_id, digested: Digested { sha256, size } });
        }
        download::digest(client, bucket, key, head.version_id()).await
    }
}

#[async_trait]
impl Artifacts for S3Artifacts {
    async fn put(
        &self,
        pipeline: &PipelineName,
        attempt: &AttemptId,
        name: &ArtifactName,
        file: &Path,
    ) -> Result<Artifact, PortError> {
        self.store(name, format!("{}/{name}.zip", artifact::folder(pipeline, attempt)), file).await
    }

    async fn fetch(&self, artifact: &Artifact, file: &Path) -> Result<(), PortError> {
        let fetched = download::to_file(&self.0.client, artifact, file).await;
        if fetched.is_err() {
            // Nobody is to take a part for the whole.
            let _ = tokio::fs::remove_file(file).await;
        }
        fetched
    }
}

fn artifact(
    name: &ArtifactName,
    bucket: &str,
    key: &str,
    version_id: Option<String>,
    Digested { sha256, size }: Digested,
) -> Artifact {
    Artifact { name: name.clone(), bucket: bucket.to_owned(), key: key.to_owned(), version_id, sha256, size }
}
