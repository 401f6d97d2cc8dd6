//! The contract of [`Artifacts`].

use std::path::{Path, PathBuf};
use std::sync::Arc;

use penstock_app::port::artifacts::Artifacts;
use penstock_model::artifact::Artifact;
use penstock_model::id::{ArtifactName, AttemptId, PipelineName};

use super::attempt;
use crate::build::name;

/// An empty zip, and one with another comment.
const CONTENTS: [&[u8]; 2] =
    [b"PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", b"PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\0!"];

struct Bench {
    artifacts: Arc<dyn Artifacts>,
    folder: tempfile::TempDir,
}

impl Bench {
    fn file(&self, called: &str) -> PathBuf {
        self.folder.path().join(called)
    }

    async fn put(&self, attempt: &AttemptId, contents: &[u8]) -> Artifact {
        let file = self.file("in.zip");
        std::fs::write(&file, contents).expect("a file to store");
        let (pipeline, artifact): (PipelineName, ArtifactName) = (name("web"), name("Out"));
        self.artifacts.put(&pipeline, attempt, &artifact, &file).await.expect("storing")
    }

    async fn fetched(&self, artifact: &Artifact) -> Vec<u8> {
        let file = self.file("out.zip");
        self.artifacts.fetch(artifact, &file).await.expect("fetching");
        read(&file)
    }
}

fn read(file: &Path) -> Vec<u8> {
    std::fs::read(file).expect("the fetched file")
}

/// # Panics
/// If the adapter breaks the contract.
pub async fn artifacts_contract(make: impl AsyncFn() -> Arc<dyn Artifacts>) {
    let bench = Bench { artifacts: make().await, folder: tempfile::tempdir().expect("a folder") };
    let first = bench.put(&attempt(1), CONTENTS[0]).await;
    assert_eq!((first.name.as_str(), first.size, first.sha256.len()), ("Out", 22, 64));
    assert_eq!(bench.fetched(&first).await, CONTENTS[0]);

    let adopted = bench.put(&attempt(1), CONTENTS[0]).await;
    assert_eq!(adopted, first, "what is there already is adopted");
    let other = bench.put(&attempt(1), CONTENTS[1]).await;
    assert!(CONTENTS.contains(&&*bench.fetched(&other).await), "whichever it is, its digest is true");
    assert_eq!(bench.fetched(&first).await, CONTENTS[0], "and the first stays what it was");

    let second = bench.put(&attempt(2), CONTENTS[1]).await;
    assert_ne!((&second.key, &second.sha256), (&first.key, &first.sha256), "another attempt has another key");
    assert_eq!(bench.fetched(&second).await, CONTENTS[1]);

    let forged = Artifact { sha256: second.sha256.clone(), ..first.clone() };
    let refused = bench.artifacts.fetch(&forged, &bench.file("forged.zip")).await;
    assert!(refused.is_err(), "an artifact whose digest differs is not handed out");
    let missing = Artifact { key: format!("{}-not", first.key), ..first };
    assert!(bench.artifacts.fetch(&missing, &bench.file("missing.zip")).await.is_err());
}
