//! Where an action's immutable output lies and how it is recognised.

use serde::{Deserialize, Serialize};

use crate::id::{ArtifactName, AttemptId, PipelineName};

/// What the keys of artifacts begin with: roles that read and write artifacts need no more of a bucket.
pub const PREFIX: &str = "artifacts/";

/// What the keys of an attempt's artifacts begin with, without the last slash.
pub fn folder(pipeline: &PipelineName, attempt: &AttemptId) -> String {
    format!("{PREFIX}{pipeline}/{}", attempt.token())
}

/// An artifact as the state records it; a consumer checks the digest before use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Artifact {
    /// The name under which the definition hands it on.
    pub name: ArtifactName,
    /// The store: a bucket, or `local` on one machine.
    pub bucket: String,
    /// The key, which contains the attempt that wrote it.
    pub key: String,
    /// The object's version in a versioned bucket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version_id: Option<String>,
    /// SHA-256 of the zip, 64 hex digits.
    pub sha256: String,
    /// The zip's size in bytes.
    pub size: u64,
}

/// The exact source version that an execution carries (`CodePipeline` API, `SourceRevision`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Revision {
    /// A commit id, an object version, an image digest.
    pub id: String,
    /// What a person reads: the commit message's first lines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<String>,
    /// Where to see it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The name of who wrote it, as the source has it: whoever pushes can write any name there. `CodePipeline` has no
    /// output variable for it. What was stored before there was one has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
}
