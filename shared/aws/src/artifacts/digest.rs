//! The SHA-256 and size of a file or of what streams past.

use std::path::Path;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use penstock_app::port::PortError;
use sha2::{Digest, Sha256};
use tokio::fs::File;
use tokio::io::AsyncReadExt;

/// The object metadata (`x-amz-meta-…`) in which the digest stands, in hex digits.
pub(super) const METADATA: &str = "sha256";

/// By what a content is recognised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Digested {
    /// 64 hex digits.
    pub(super) sha256: String,
    /// In bytes.
    pub(super) size: u64,
}

impl Digested {
    /// The digest as S3 takes it.
    pub(super) fn base64(&self) -> Option<String> {
        hex::decode(&self.sha256).ok().map(|bytes| BASE64_STANDARD.encode(bytes))
    }
}

/// Takes the digest of what it is given in turn.
#[derive(Default)]
pub(super) struct Digesting {
    hasher: Sha256,
    size: u64,
}

impl Digesting {
    pub(super) fn take(&mut self, bytes: &[u8]) {
        self.hasher.update(bytes);
        self.size += bytes.len() as u64;
    }

    pub(super) fn end(self) -> Digested {
        Digested { sha256: hex::encode(self.hasher.finalize()), size: self.size }
    }
}

/// Reads `file` through.
pub(super) async fn of(file: &Path) -> Result<Digested, PortError> {
    let failed = |error| PortError::permanent(format!("read {}: {error}", file.display()));
    let mut reader = File::open(file).await.map_err(failed)?;
    let (mut digesting, mut buffer) = (Digesting::default(), vec![0; 256 << 10]);
    loop {
        match reader.read(&mut buffer).await.map_err(failed)? {
            0 => return Ok(digesting.end()),
            read => digesting.take(&buffer[..read]),
        }
    }
}

/// The digest that S3 tells, in hex digits.
pub(super) fn from_base64(text: &str) -> Option<String> {
    BASE64_STANDARD.decode(text).ok().filter(|bytes| bytes.len() == 32).map(hex::encode)
}
