//! Zips that are written alike every time and extracted without trust.
//!
//! Artifacts are zips that keep Unix modes and links. What comes back out of one was written by a build or fetched
//! from outside, so extraction refuses whatever could reach beyond its folder or exhaust the machine.

mod entry;
mod extract;
mod name;
mod write;

pub use entry::{entry_names, read_entry};
pub use extract::{Extracted, Limits, extract, extract_bytes};
pub use write::{Earlier, Writer};

use std::io;

use zip::result::ZipError;

/// Why a zip could not be written or extracted.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The disk failed.
    #[error("{what}: {source}")]
    Io {
        /// What was being done, with the path.
        what: String,
        /// What the system said.
        source: io::Error,
    },
    /// The zip is damaged or is none.
    #[error("the archive is no valid zip: {0}")]
    Damaged(#[source] ZipError),
    /// An entry would reach outside the folder, or is of a kind that is not taken.
    #[error("the archive's entry `{entry}` is refused: {reason}")]
    Refused {
        /// The entry, control characters removed.
        entry: String,
        /// Why.
        reason: String,
    },
    /// The zip is larger than the limits allow.
    #[error("the archive is refused: {0}")]
    TooLarge(String),
}

impl From<ZipError> for ArchiveError {
    fn from(error: ZipError) -> Self {
        let is_full = |source: &io::Error| {
            matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
        };
        if let ZipError::Io(source) = error {
            return if is_full(&source) {
                Self::Io { what: "writing an archive".into(), source }
            } else {
                Self::Damaged(source.into())
            };
        }
        Self::Damaged(error)
    }
}

impl ArchiveError {
    fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }

    fn refused(entry: &str, reason: impl Into<String>) -> Self {
        Self::Refused {
            entry: entry.chars().filter(|c| !c.is_control()).take(200).collect(),
            reason: reason.into(),
        }
    }
}

/// Checks that the link at `path` with `target` stays inside the root wherever it is followed.
///
/// `..` is taken only at the start of a target: behind another name it could step out of a folder that a further
/// link points to. With that rule, and no entry below a link, every link resolves inside by induction.
pub(crate) fn check_link(path: &str, target: &str) -> Result<(), String> {
    if target.is_empty() || target.starts_with('/') || target.contains('\0') {
        return Err(format!(
            "its link target `{}` is not relative; link to a path beside it, or leave the link out",
            target.escape_debug()
        ));
    }
    let mut depth = path.split('/').count() - 1;
    let mut named = false;
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." if named => return Err("its link target has `..` behind a name".into()),
            ".." if depth == 0 => return Err("its link target leaves the archive".into()),
            ".." => depth -= 1,
            _ => named = true,
        }
    }
    Ok(())
}
