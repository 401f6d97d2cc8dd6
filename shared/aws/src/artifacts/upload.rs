//! Writing an object once: by one request, on the condition that none is there.

use std::path::Path;
use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::error::SdkError;
use aws_sdk_s3::operation::put_object::{PutObjectError, PutObjectOutput};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::ServerSideEncryption;
use penstock_app::port::PortError;

use super::digest::{Digested, METADATA};
use crate::bucket;

/// How often a write is begun anew that another write of the same key crossed (status 409).
const TRIES: u32 = 5;

/// An object to be written.
pub(super) struct Upload<'a> {
    pub(super) client: &'a Client,
    pub(super) bucket: &'a str,
    pub(super) key: &'a str,
    /// The KMS key that encrypts it; `None`: as the bucket has it.
    pub(super) encryption_key: Option<&'a str>,
    pub(super) file: &'a Path,
    pub(super) digested: &'a Digested,
}

/// What came of writing.
#[derive(Debug)]
pub(super) enum Uploaded {
    /// The object is there under this version.
    Written(Option<String>),
    /// Another was there before.
    Exists,
}

/// What a refused write means.
pub(super) enum Obstacle {
    Exists,
    Crossed(PortError),
    Failed(PortError),
}

impl Upload<'_> {
    pub(super) async fn whole(&self) -> Result<Uploaded, PortError> {
        let mut tries = 0;
        loop {
            tries += 1;
            match self.put().await {
                Ok(put) => return Ok(Uploaded::Written(put.version_id)),
                Err(error) => match self.obstacle(&error) {
                    Obstacle::Exists => return Ok(Uploaded::Exists),
                    Obstacle::Crossed(error) => wait(tries, error).await?,
                    Obstacle::Failed(error) => return Err(error),
                },
            }
        }
    }

    async fn put(&self) -> Result<PutObjectOutput, SdkError<PutObjectError>> {
        let body = ByteStream::from_path(self.file).await.map_err(SdkError::construction_failure)?;
        self.client
            .put_object()
            .bucket(self.bucket)
            .key(self.key)
            .if_none_match("*")
            .content_type("application/zip")
            .metadata(METADATA, &self.digested.sha256)
            .set_server_side_encryption(self.encryption())
            .set_ssekms_key_id(self.encryption_key.map(str::to_owned))
            // S3 refuses what does not arrive as it was read.
            .set_checksum_sha256(self.digested.base64())
            .body(body)
            .send()
            .await
    }

    pub(super) fn encryption(&self) -> Option<ServerSideEncryption> {
        self.encryption_key.map(|_| ServerSideEncryption::AwsKms)
    }

    /// "Conditional writes" of the S3 user guide: 412 says that an object is there, 409 that another write was faster.
    pub(super) fn obstacle<E>(&self, error: &SdkError<E>) -> Obstacle
    where
        E: aws_sdk_s3::error::ProvideErrorMetadata + std::error::Error + 'static,
    {
        let failure = bucket::failed(&format!("store the artifact `{}` in {}", self.key, self.bucket), error);
        match bucket::status(error) {
            Some(412) => Obstacle::Exists,
            Some(409) => Obstacle::Crossed(PortError::transient(failure.message)),
            Some(_) | None => Obstacle::Failed(failure),
        }
    }
}

/// Waits a moment before the next try; after the last, gives up with `error`.
pub(super) async fn wait(tries: u32, error: PortError) -> Result<(), PortError> {
    if tries >= TRIES {
        return Err(error);
    }
    tokio::time::sleep(Duration::from_millis(50 << tries)).await;
    Ok(())
}
