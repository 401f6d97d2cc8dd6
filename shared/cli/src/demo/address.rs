//! Where a demo's server listens and the secret of its webhook, for later pushes.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::exit::Failure;

/// A demo's server.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Address {
    /// Where it listens.
    pub(super) endpoint: String,
    /// The secret of its webhook.
    pub(super) secret: String,
}

impl Address {
    /// Keeps it in the demo's folder, for this user only.
    pub(super) fn save(&self, folder: &Path) -> anyhow::Result<()> {
        let mut options = fs::OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        serde_json::to_writer(options.open(file(folder))?, self)?;
        Ok(())
    }

    /// That of the demo in `folder`.
    pub(super) fn load(folder: &Path) -> anyhow::Result<Self> {
        let text = fs::read_to_string(file(folder)).map_err(|error| {
            let folder = folder.display();
            Failure::misused(format!(
                "{folder} is not the folder of a demo ({error}); go there, or name it with --dir"
            ))
        })?;
        Ok(serde_json::from_str(&text)?)
    }
}

fn file(folder: &Path) -> PathBuf {
    folder.join(".penstock").join("demo.json")
}
