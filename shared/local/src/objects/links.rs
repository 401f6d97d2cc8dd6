//! Links that a power failure took. Nobody waits until a link is on the disk: what the records tell of is linked again at
//! the next start, before anything is cleaned up.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use penstock_app::port::PortError;
use penstock_model::artifact::Artifact;
use penstock_model::id::AttemptId;

use super::{BUCKET, KEYS, Objects, durability, is_digest};
use crate::database::Database;
use crate::room;

/// The cursor's name: the links that records up to here tell of are on the disk.
const CURSOR: &str = "links";

impl Objects {
    /// Makes the links again of which records tell and that are not there, if their objects are.
    pub(super) fn relink(&self, database: &Database) -> Result<(), PortError> {
        let (mut missing, mut failed) = (vec![], None);
        database.artifacts_after(database.cursor(CURSOR)?, |attempt, artifact| {
            if artifact.bucket == BUCKET && is_digest(&artifact.sha256) && !self.is_linked(attempt, artifact)
            {
                missing.push((attempt.clone(), artifact.clone()));
            }
        })?;
        for (attempt, artifact) in missing {
            if self.place(&artifact.sha256).exists() {
                let linked = self.remember(&attempt, &artifact.name, &artifact.sha256);
                failed = failed.or(linked.err());
            }
        }
        failed.map_or(Ok(()), |error| {
            let (keys, error) = (self.root.join(KEYS), room::needed_in(&self.root)(error));
            Err(PortError::transient(format!("bring links back in {}: {error}", keys.display())))
        })
    }

    fn is_linked(&self, attempt: &AttemptId, artifact: &Artifact) -> bool {
        let keys =
            [self.key(attempt, &artifact.name), self.further_key(attempt, &artifact.name, &artifact.sha256)];
        keys.iter().any(|key| fs::read_link(key).is_ok_and(|target| target == Path::new(&artifact.sha256)))
    }

    /// Waits until the links of which records tell are on the disk, so that the next start need not look at them.
    pub(crate) fn settle_links(&self, database: &Database) -> Result<(), PortError> {
        let mut folders = BTreeSet::new();
        let mut note = |attempt: &AttemptId, artifact: &Artifact| {
            folders.extend(self.key(attempt, &artifact.name).parent().map(Path::to_owned));
        };
        let before = database.cursor(CURSOR)?;
        let reached = database.artifacts_after(before, &mut note)?;
        if !folders.is_empty() {
            folders.insert(self.root.join(KEYS));
            folders.insert(self.root.clone());
            synchronise(folders).map_err(|error| {
                PortError::transient(format!("settle links in {}: {error}", self.root.display()))
            })?;
        }
        if reached == before { Ok(()) } else { database.set_cursor(CURSOR, reached) }
    }
}

/// A folder that is not there any more held nothing that is needed.
fn synchronise(folders: BTreeSet<PathBuf>) -> io::Result<()> {
    for folder in folders {
        match durability::synchronise(&folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            synchronised => synchronised?,
        }
    }
    Ok(())
}
