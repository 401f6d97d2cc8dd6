//! Writing a large object once: in parts that are sent side by side out of the file, with little memory.

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::complete_multipart_upload::CompleteMultipartUploadError;
use aws_sdk_s3::primitives::{ByteStream, Length};
use aws_sdk_s3::types::{ChecksumAlgorithm, CompletedMultipartUpload, CompletedPart};
use futures_util::{StreamExt, TryStreamExt, stream};
use penstock_app::port::PortError;

use super::digest::METADATA;
use super::upload::{Obstacle, Upload, Uploaded, wait};
use crate::bucket;

/// S3's limits: each part but the last has at least 5 MiB, and there are at most 10,000.
const LEAST: u64 = 5 << 20;
const USUAL: u64 = 16 << 20;
const PARTS: u64 = 10_000;

/// How many parts are sent at once.
const AT_ONCE: usize = 4;

/// A range of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Part {
    number: i32,
    offset: u64,
    length: u64,
}

impl Upload<'_> {
    /// `single` is the size above which a file is written in parts; a part has no more.
    pub(super) async fn in_parts(&self, single: u64) -> Result<Uploaded, PortError> {
        let mut tries = 0;
        loop {
            tries += 1;
            let id = self.begin().await?;
            match self.send(&id, single).await {
                Ok(uploaded) => return Ok(uploaded),
                Err(obstacle) => {
                    self.abort(&id).await;
                    match obstacle {
                        Obstacle::Exists => return Ok(Uploaded::Exists),
                        Obstacle::Crossed(error) => wait(tries, error).await?,
                        Obstacle::Failed(error) => return Err(error),
                    }
                }
            }
        }
    }

    async fn begin(&self) -> Result<String, PortError> {
        let begun = self
            .client
            .create_multipart_upload()
            .bucket(self.bucket)
            .key(self.key)
            .content_type("application/zip")
            .metadata(METADATA, &self.digested.sha256)
            .set_server_side_encryption(self.encryption())
            .set_ssekms_key_id(self.encryption_key.map(str::to_owned))
            .checksum_algorithm(ChecksumAlgorithm::Crc32)
            .send()
            .await
            .map_err(|error| bucket::failed(&self.what(), &error))?;
        begun.upload_id.ok_or_else(|| PortError::transient(format!("{}: S3 named no upload", self.what())))
    }

    async fn send(&self, id: &str, single: u64) -> Result<Uploaded, Obstacle> {
        let sent = stream::iter(parts(self.digested.size, single)).map(|part| self.part(id, part));
        let mut parts: Vec<CompletedPart> =
            sent.buffer_unordered(AT_ONCE).try_collect().await.map_err(Obstacle::Failed)?;
        parts.sort_by_key(|part| part.part_number);
        let completed = self
            .client
            .complete_multipart_upload()
            .bucket(self.bucket)
            .key(self.key)
            .upload_id(id)
            .if_none_match("*")
            .multipart_upload(CompletedMultipartUpload::builder().set_parts(Some(parts)).build())
            .send()
            .await;
        match completed {
            Ok(completed) => Ok(Uploaded::Written(completed.version_id)),
            // A completion whose answer was lost has used the upload up.
            Err(error) if is_used_up(&error) => Err(Obstacle::Exists),
            Err(error) => Err(self.obstacle(&error)),
        }
    }

    async fn part(&self, id: &str, part: Part) -> Result<CompletedPart, PortError> {
        let unreadable = |error| PortError::permanent(format!("read {}: {error}", self.file.display()));
        let range =
            ByteStream::read_from().path(self.file).offset(part.offset).length(Length::Exact(part.length));
        let sent = self
            .client
            .upload_part()
            .bucket(self.bucket)
            .key(self.key)
            .upload_id(id)
            .part_number(part.number)
            .checksum_algorithm(ChecksumAlgorithm::Crc32)
            .body(range.build().await.map_err(unreadable)?)
            .send()
            .await
            .map_err(|error| bucket::failed(&self.what(), &error))?;
        Ok(CompletedPart::builder()
            .part_number(part.number)
            .set_e_tag(sent.e_tag)
            .set_checksum_crc32(sent.checksum_crc32)
            .build())
    }

    /// What cannot be aborted now is cleared away by the bucket's rule for incomplete uploads.
    async fn abort(&self, id: &str) {
        let aborted =
            self.client.abort_multipart_upload().bucket(self.bucket).key(self.key).upload_id(id).send().await;
        if let Err(error) = aborted {
            tracing::debug!(
                key = self.key,
                error = bucket::failed("abort an upload", &error).message,
                "left to the bucket's rules"
            );
        }
    }

    fn what(&self) -> String {
        format!("store the artifact `{}` in {}", self.key, self.bucket)
    }
}

fn is_used_up(error: &SdkError<CompleteMultipartUploadError>) -> bool {
    error.code() == Some("NoSuchUpload")
}

fn parts(size: u64, single: u64) -> impl Iterator<Item = Part> {
    let length = single.clamp(LEAST, USUAL).max(size.div_ceil(PARTS));
    (1..)
        .zip((0..size).step_by(usize::try_from(length).unwrap_or(usize::MAX)))
        .map(move |(number, offset)| Part { number, offset, length: length.min(size - offset) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_cover_the_file_within_the_limits() {
        for size in [1, LEAST, LEAST + 1, 200 << 20, 5 << 40] {
            let mut next = 0;
            let parts: Vec<Part> = parts(size, 64 << 20).collect();
            for (part, number) in parts.iter().zip(1..) {
                assert_eq!((part.number, part.offset), (number, next));
                next += part.length;
            }
            assert_eq!(next, size);
            assert!(parts.len() as u64 <= PARTS);
            assert!(parts.iter().rev().skip(1).all(|part| part.length >= LEAST));
        }
    }
}
