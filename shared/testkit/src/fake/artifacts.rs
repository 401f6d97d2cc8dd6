//! Artifacts in memory.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
use std::sync::Mutex;

use async_trait::async_trait;
use penstock_app::port::PortError;
use penstock_app::port::artifacts::Artifacts;
use penstock_model::artifact::Artifact;
use penstock_model::id::{ArtifactName, AttemptId, PipelineName};

use super::locked;

/// Artifacts in memory. The digest is none that protects against anybody; it only tells contents apart.
#[derive(Debug, Default)]
pub struct MemoryArtifacts(Mutex<BTreeMap<String, Vec<u8>>>);

#[async_trait]
impl Artifacts for MemoryArtifacts {
    async fn put(
        &self,
        pipeline: &PipelineName,
        attempt: &AttemptId,
        name: &ArtifactName,
        file: &Path,
    ) -> Result<Artifact, PortError> {
        let bytes = std::fs::read(file).map_err(|error| failed("read", file, &error))?;
        let key = format!("{pipeline}/{attempt}/{name}.zip");
        let mut objects = locked(&self.0);
        let stored = objects.entry(key.clone()).or_insert(bytes);
        let (sha256, size) = (digest(stored), stored.len() as u64);
        Ok(Artifact { name: name.clone(), bucket: "memory".to_owned(), key, version_id: None, sha256, size })
    }

    async fn fetch(&self, artifact: &Artifact, file: &Path) -> Result<(), PortError> {
        let bytes = locked(&self.0).get(&artifact.key).cloned();
        let bytes =
            bytes.ok_or_else(|| PortError::permanent(format!("find the artifact `{}`", artifact.key)))?;
        if digest(&bytes) != artifact.sha256 {
            return Err(PortError::permanent(format!("fetch `{}`: its digest differs", artifact.key)));
        }
        std::fs::write(file, bytes).map_err(|error| failed("write", file, &error))
    }
}

fn failed(what: &str, file: &Path, error: &std::io::Error) -> PortError {
    PortError::permanent(format!("{what} {}: {error}", file.display()))
}

fn digest(bytes: &[u8]) -> String {
    (0..4_u8)
        .map(|part| {
            let mut hasher = DefaultHasher::new();
            (part, bytes).hash(&mut hasher);
            format!("{:016x}", hasher.finish())
        })
        .collect()
}
