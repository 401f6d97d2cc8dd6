//! One copy of an artifact in the bucket of another region: found there, or made by S3, and checked.

use aws_sdk_s3::Client;
use aws_sdk_s3::types::{
    ChecksumAlgorithm, ChecksumMode, ChecksumType, MetadataDirective, ServerSideEncryption, TaggingDirective,
};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use penstock_app::port::PortError;
use penstock_app::port::artifacts::Artifacts;
use penstock_model::artifact::Artifact;

use crate::artifacts::S3Artifacts;
use crate::artifacts::disk;
use crate::bucket;
use crate::provider::failure::Failure;
use crate::sdk::Sdk;

/// The largest object that S3 copies by one request (S3 API reference, `CopyObject`).
const MAX_COPY: u64 = 5 << 30;

/// A copy that is needed.
pub(super) struct Copying<'a> {
    pub(super) artifact: &'a Artifact,
    /// What the artifact's own bucket is called with.
    pub(super) from: &'a Sdk,
    pub(super) target: &'a S3Artifacts,
    pub(super) bucket: &'a str,
    pub(super) key: &'a str,
}

impl Copying<'_> {
    /// The copy. One that is there already is not made anew, unless it is not what was recorded.
    pub(super) async fn carry_out(&self) -> Result<Artifact, Failure> {
        let client = bucket::client(self.target.sdk());
        if let Some(found) = self.find(&client).await? {
            return Ok(found);
        }
        if self.artifact.size > MAX_COPY { self.stream().await } else { self.copy(&client).await }
    }

    async fn find(&self, client: &Client) -> Result<Option<Artifact>, Failure> {
        let head =
            client.head_object().bucket(self.bucket).key(self.key).checksum_mode(ChecksumMode::Enabled);
        let head = match head.send().await {
            Ok(head) => head,
            // 403: a role that may not list the bucket is told so of a key that is not there.
            Err(error) if matches!(bucket::status(&error), Some(403 | 404)) => return Ok(None),
            Err(error) => {
                let failed = bucket::failed(&format!("look for `{}` in {}", self.key, self.bucket), &error);
                return Err(Failure::of_s3(failed, &error));
            }
        };
        let is_whole = head.checksum_type() != Some(&ChecksumType::Composite);
        let told = head.checksum_sha256().filter(|_| is_whole);
        let found = self.seen(head.version_id(), told).await?;
        Ok(Some(found).filter(|found| found.sha256 == self.artifact.sha256))
    }

    /// S3 copies by itself: the version that was recorded, without its tags, under the key that the store asks for.
    async fn copy(&self, client: &Client) -> Result<Artifact, Failure> {
        let encryption_key = self.target.encryption_key().map(str::to_owned);
        let copied = client
            .copy_object()
            .bucket(self.bucket)
            .key(self.key)
            .copy_source(source(self.artifact))
            .content_type("application/zip")
            .metadata_directive(MetadataDirective::Replace)
            .metadata("sha256", &self.artifact.sha256)
            .tagging_directive(TaggingDirective::Replace)
            .checksum_algorithm(ChecksumAlgorithm::Sha256)
            .set_server_side_encryption(encryption_key.as_ref().map(|_| ServerSideEncryption::AwsKms))
            .set_ssekms_key_id(encryption_key)
            .send()
            .await
            .map_err(|error| Failure::of_s3(bucket::failed(&self.what(), &error), &error))?;
        let told = copied.copy_object_result().and_then(|result| result.checksum_sha256());
        self.checked(self.seen(copied.version_id(), told).await?)
    }

    /// Through the disk of this machine, in parts.
    async fn stream(&self) -> Result<Artifact, Failure> {
        let full = |error| disk::failed(&self.what(), &error);
        let folder = tempfile::tempdir().map_err(full)?;
        let file = folder.path().join("artifact.zip");
        S3Artifacts::new(self.from, &self.artifact.bucket).fetch(self.artifact, &file).await?;
        let stored = self.target.store(&self.artifact.name, self.key.to_owned(), &file).await?;
        self.checked(stored)
    }

    /// The copy by the SHA-256 that S3 tells (in base64), else by reading it through.
    async fn seen(&self, version: Option<&str>, told: Option<&str>) -> Result<Artifact, PortError> {
        let Some(bytes) = told.and_then(|text| BASE64_STANDARD.decode(text).ok()) else {
            return self.target.adopt(self.bucket, self.key, version, &self.artifact.name).await;
        };
        Ok(Artifact {
            bucket: self.bucket.to_owned(),
            key: self.key.to_owned(),
            version_id: version.map(str::to_owned),
            sha256: hex::encode(bytes),
            ..self.artifact.clone()
        })
    }

    fn checked(&self, copy: Artifact) -> Result<Artifact, Failure> {
        if copy.sha256 == self.artifact.sha256 {
            return Ok(copy);
        }
        Err(Failure::job(format!(
            "failed to {}: the copy's SHA-256 is {}, but {} was recorded; it is not used: retry the stage that produces it",
            self.what(),
            copy.sha256,
            self.artifact.sha256
        )))
    }

    fn what(&self) -> String {
        let Artifact { key, bucket, .. } = self.artifact;
        format!("copy the artifact `{key}` from {bucket} to {}", self.bucket)
    }
}

/// `bucket/key?versionId=…`, percent-encoded (S3 API reference, `x-amz-copy-source`).
fn source(artifact: &Artifact) -> String {
    let mut source = encoded(&format!("{}/{}", artifact.bucket, artifact.key));
    if let Some(version) = &artifact.version_id {
        source.push_str("?versionId=");
        source.push_str(&encoded(version));
    }
    source
}

fn encoded(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
    text.bytes()
        .map(|byte| if is_plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

#[cfg(test)]
mod tests {
    use penstock_testkit::build::name;

    use super::*;

    #[test]
    fn a_source_is_encoded_with_its_version() {
        let artifact = Artifact {
            name: name("App"),
            bucket: "b".into(),
            key: "artifacts/we b/ü?.zip".into(),
            version_id: Some("a+b".into()),
            sha256: String::new(),
            size: 0,
        };
        assert_eq!(source(&artifact), "b/artifacts/we%20b/%C3%BC%3F.zip?versionId=a%2Bb");
        assert_eq!(source(&Artifact { version_id: None, key: "k".into(), ..artifact }), "b/k");
    }
}
