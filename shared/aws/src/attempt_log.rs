//! The ends of attempts' logs, kept beside the artifacts for people who may not read the provider's.

use async_trait::async_trait;
use aws_sdk_s3::Client;
use aws_sdk_s3::operation::get_object::GetObjectOutput;
use aws_sdk_s3::primitives::ByteStream;
use bytes::Bytes;
use penstock_app::port::PortError;
use penstock_app::port::logs::Logs;
use penstock_model::id::AttemptId;
use penstock_model::plain;

use crate::bucket;
use crate::sdk::Sdk;

/// The most that is kept of a log, in bytes.
const KEPT: usize = 64 << 10;

/// The logs of attempts under `logs/` in the artifact bucket.
#[derive(Debug, Clone)]
pub struct AttemptLogs {
    client: Client,
    bucket: String,
}

impl AttemptLogs {
    /// The logs in `bucket`.
    pub fn new(sdk: &Sdk, bucket: impl Into<String>) -> Self {
        Self { client: bucket::client(sdk), bucket: bucket.into() }
    }

    /// Keeps the end of `log` as the log of `attempt`, in place of what was kept before.
    ///
    /// # Errors
    /// As S3 has it.
    pub async fn write(&self, attempt: &AttemptId, log: &[u8]) -> Result<(), PortError> {
        let put = self.client.put_object().bucket(&self.bucket).key(key(attempt));
        let put = put.content_type("text/plain; charset=utf-8").body(ByteStream::from(end(log).to_vec()));
        let stored = put.send().await;
        stored.map(drop).map_err(|error| bucket::failed(&format!("store the log of {attempt}"), &error))
    }

    /// The bytes of a range (RFC 9110, "Range"), none if there is no log or it is shorter.
    async fn range(&self, attempt: &AttemptId, range: String) -> Result<Bytes, PortError> {
        let what = format!("read the log of {attempt}");
        let got = self.client.get_object().bucket(&self.bucket).key(key(attempt)).range(range).send().await;
        let object: GetObjectOutput = match got {
            Ok(object) => object,
            Err(error) if matches!(bucket::status(&error), Some(404 | 416)) => return Ok(Bytes::new()),
            Err(error) => return Err(bucket::failed(&what, &error)),
        };
        let (length, collected) = (object.content_length, object.body.collect().await);
        let bytes = collected.map_err(|error| PortError::transient(format!("{what}: {error}")))?.into_bytes();
        match length.and_then(|length| usize::try_from(length).ok()) {
            Some(length) if bytes.len() < length => {
                Err(PortError::transient(format!("{what}: the answer broke off")))
            }
            Some(_) | None => Ok(bytes),
        }
    }
}

#[async_trait]
impl Logs for AttemptLogs {
    async fn read(&self, attempt: &AttemptId, offset: u64, limit: usize) -> Result<Bytes, PortError> {
        if limit == 0 {
            return Ok(Bytes::new());
        }
        let last = offset.saturating_add(limit as u64 - 1);
        self.range(attempt, format!("bytes={offset}-{last}")).await
    }

    async fn tail(&self, attempt: &AttemptId, lines: usize) -> Result<Vec<String>, PortError> {
        let bytes = self.range(attempt, format!("bytes=0-{}", KEPT - 1)).await?;
        let text = String::from_utf8_lossy(&bytes);
        let all: Vec<String> = text.lines().map(plain::line).collect();
        Ok(all[all.len().saturating_sub(lines)..].to_vec())
    }

    fn location(&self, attempt: &AttemptId) -> String {
        format!("s3://{}/{}", self.bucket, key(attempt))
    }
}

fn key(attempt: &AttemptId) -> String {
    format!("logs/{}.log", attempt.token())
}

/// The last bytes of `log`, from the beginning of a line if one begins there.
fn end(log: &[u8]) -> &[u8] {
    if log.len() <= KEPT {
        return log;
    }
    let kept = &log[log.len() - KEPT..];
    let line = kept.iter().position(|byte| *byte == b'\n').map_or(0, |newline| newline + 1);
    if line < kept.len() { &kept[line..] } else { kept }
}

#[cfg(test)]
mod tests {
    use super::{KEPT, end};

    #[test]
    fn the_end_begins_with_a_line() {
        assert_eq!(end(b"short"), b"short");
        let log = [vec![b'x'; KEPT], b"\nlast".to_vec()].concat();
        assert_eq!(end(&log), b"last");
        let log = [vec![b'x'; KEPT], b"y\n".to_vec()].concat();
        assert_eq!(end(&log).len(), KEPT, "a log of one long line keeps its end");
    }
}
