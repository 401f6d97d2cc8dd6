//! Reading objects as a stream: into a file with its digest checked, or for the digest alone.

use std::path::Path;

use aws_sdk_s3::Client;
use aws_sdk_s3::operation::get_object::GetObjectOutput;
use aws_sdk_s3::primitives::ByteStream;
use penstock_app::port::PortError;
use penstock_model::artifact::Artifact;
use tokio::fs::File;
use tokio::io::{AsyncWrite, AsyncWriteExt, BufWriter, sink};

use super::digest::{Digested, Digesting};
use super::disk;
use crate::bucket;

/// What is under a key.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) version: Option<String>,
    pub(super) digested: Digested,
}

/// Writes `artifact` to `file`.
pub(super) async fn to_file(client: &Client, artifact: &Artifact, file: &Path) -> Result<(), PortError> {
    let what = format!("fetch the artifact `{}` from {}", artifact.key, artifact.bucket);
    let object = get(client, &what, &artifact.bucket, &artifact.key, artifact.version_id.as_deref()).await?;
    let unwritable = |error| disk::failed(&format!("{what}: write {}", file.display()), &error);
    let mut writer = BufWriter::with_capacity(256 << 10, File::create(file).await.map_err(unwritable)?);
    let found = through(&what, object.body, &mut writer).await?;
    writer.flush().await.map_err(unwritable)?;
    check(&what, artifact, &found)
}

/// Reads an object through for its digest; its version is the one that was read.
pub(super) async fn digest(
    client: &Client,
    bucket: &str,
    key: &str,
    version: Option<&str>,
) -> Result<Found, PortError> {
    let what = format!("read `{key}` in {bucket}");
    let object = get(client, &what, bucket, key, version).await?;
    let (version, length) = (object.version_id, object.content_length);
    let digested = through(&what, object.body, &mut sink()).await?;
    match length.and_then(|length| u64::try_from(length).ok()) {
        Some(length) if digested.size < length => Err(broken_off(&what, digested.size, length)),
        Some(_) | None => Ok(Found { version, digested }),
    }
}

async fn get(
    client: &Client,
    what: &str,
    bucket: &str,
    key: &str,
    version: Option<&str>,
) -> Result<GetObjectOutput, PortError> {
    let got =
        client.get_object().bucket(bucket).key(key).set_version_id(version.map(str::to_owned)).send().await;
    got.map_err(|error| bucket::failed(what, &error))
}

async fn through(
    what: &str,
    mut body: ByteStream,
    writer: &mut (impl AsyncWrite + Unpin),
) -> Result<Digested, PortError> {
    let mut digesting = Digesting::default();
    while let Some(bytes) = body.next().await {
        let bytes = bytes.map_err(|error| PortError::transient(format!("{what}: {error}")))?;
        digesting.take(&bytes);
        let written = writer.write_all(&bytes).await;
        written.map_err(|error| disk::failed(&format!("{what}: write to the file"), &error))?;
    }
    Ok(digesting.end())
}

fn check(what: &str, artifact: &Artifact, found: &Digested) -> Result<(), PortError> {
    if found.sha256 == artifact.sha256 {
        return Ok(());
    }
    if found.size < artifact.size {
        return Err(broken_off(what, found.size, artifact.size));
    }
    Err(PortError::permanent(format!(
        "{what}: its SHA-256 is {}, but {} was recorded; it is not used",
        found.sha256, artifact.sha256
    )))
}

fn broken_off(what: &str, came: u64, of: u64) -> PortError {
    PortError::transient(format!("{what}: the answer broke off after {came} of {of} bytes"))
}
