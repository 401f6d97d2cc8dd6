//! Puts files into the bucket, several at a time, each streamed from the disk.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{ObjectCannedAcl, ServerSideEncryption};
use futures_util::stream::{self, StreamExt};
use penstock_app::port::PortError;
use penstock_model::id::AttemptId;

use super::content_type::content_type;
use super::files::Source;
use crate::bucket;
use crate::cursor::Cursors;
use crate::offered::s3_deploy::Settings;
use crate::provider::failure::Failure;

/// How many files are put at the same time.
const AT_A_TIME: usize = 16;
/// The largest object that one call puts (S3 API reference, `PutObject`).
const MAX_OBJECT: u64 = 5 << 30;

/// After how many files it is remembered that they were put.
const STEP: usize = 250;

/// How far an attempt has come.
pub(super) struct Progress<'a> {
    pub(super) cursors: &'a dyn Cursors,
    pub(super) attempt: &'a AttemptId,
}

impl Progress<'_> {
    /// How many files were put before.
    pub(super) async fn read(&self) -> Result<usize, PortError> {
        self.cursors.read(self.attempt).await
    }

    /// Now and then remembers how many were put; what is not remembered is put again.
    async fn at(&self, done: usize) {
        if !done.is_multiple_of(STEP) {
            return;
        }
        if let Err(error) = self.cursors.advance(self.attempt, done).await {
            tracing::warn!(attempt = %self.attempt, %error, "how far it came is not remembered");
        }
    }
}

/// Where and how objects are put.
pub(super) struct Upload<'a> {
    pub(super) client: &'a Client,
    pub(super) settings: &'a Settings,
}

impl Upload<'_> {
    /// Puts all `files` into `folder`, but the first `from`, which were put before, and counts them in `put`. Putting one
    /// again is harmless.
    pub(super) async fn all(
        &self,
        folder: &str,
        files: Vec<Source>,
        from: usize,
        progress: &Progress<'_>,
        put: &AtomicUsize,
    ) -> Result<(), Failure> {
        let folder = folder.trim_end_matches('/');
        // In their order, so that one number says which are done.
        let mut puts = stream::iter(files)
            .skip(from)
            .map(|file: Source| async move {
                let key = if folder.is_empty() { file.name } else { format!("{folder}/{}", file.name) };
                self.one(&key, &file.path, file.size, content_type(&key)).await
            })
            .buffered(AT_A_TIME);
        let mut done = from;
        while let Some(ended) = puts.next().await {
            ended?;
            done += 1;
            put.store(done, Ordering::Relaxed);
            progress.at(done).await;
        }
        Ok(())
    }

    /// Puts the file at `path` under `key`.
    pub(super) async fn one(
        &self,
        key: &str,
        path: &Path,
        size: u64,
        content_type: Option<&str>,
    ) -> Result<(), Failure> {
        let place = format!("s3://{}/{}", self.settings.bucket, key.escape_debug());
        if size > MAX_OBJECT {
            return Err(Failure::configuration(format!(
                "`{place}` would have {size} bytes; at most {MAX_OBJECT} can be put: make the artifact smaller"
            )));
        }
        let body = ByteStream::from_path(path).await.map_err(|error| {
            Failure::Passing(PortError::transient(format!("read the file for {place}: {error}")))
        })?;
        let settings = self.settings;
        let encryption = settings.kms_key.as_ref().map(|_| ServerSideEncryption::AwsKms);
        let put = self
            .client
            .put_object()
            .bucket(&settings.bucket)
            .key(key)
            .body(body)
            .set_content_type(content_type.map(ToOwned::to_owned))
            .set_cache_control(settings.cache_control.clone())
            .set_acl(settings.acl.as_deref().map(ObjectCannedAcl::from))
            .set_server_side_encryption(encryption)
            .set_ssekms_key_id(settings.kms_key.clone());
        let what = format!("put {place}");
        put.send().await.map(drop).map_err(|error| Failure::of_s3(bucket::failed(&what, &error), &error))
    }
}
