//! A path that cannot leave the folder it is meant beneath.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Normal components only: no root, no `.`, no `..`. Empty is the folder itself.
///
/// `..` is resolved by the text alone, which is sound because nothing here ever follows a symbolic link on the way.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(from = "Stored", into = "Stored")]
pub struct RelativePath(PathBuf);

/// Why a text is no [`RelativePath`].
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvalidPath {
    /// More `..` than folders before it.
    #[error("`{0}` leads out of its folder by `..`")]
    Leaves(String),
    /// A NUL character.
    #[error("the path holds a NUL character")]
    Nul,
}

impl RelativePath {
    /// Reads `text`; leading `/` and `./`, doubled and trailing slashes mean nothing.
    ///
    /// # Errors
    /// [`InvalidPath`] if it would lead out, or holds a NUL.
    pub fn new(text: &str) -> Result<Self, InvalidPath> {
        if text.contains('\0') {
            return Err(InvalidPath::Nul);
        }
        let mut path = PathBuf::new();
        for component in text.split('/') {
            match component {
                "" | "." => {}
                ".." if path.pop() => {}
                ".." => return Err(InvalidPath::Leaves(text.chars().take(200).collect())),
                name => path.push(name),
            }
        }
        Ok(Self(path))
    }

    /// This path and one more name, which the file system gave and which is therefore a single component.
    #[must_use]
    pub fn child(&self, name: &OsStr) -> Self {
        Self(self.0.join(Path::new(name).file_name().unwrap_or_default()))
    }

    /// The folder that holds it; `None` for the top.
    pub fn parent(&self) -> Option<Self> {
        self.0.parent().map(|parent| Self(parent.into()))
    }

    /// Its last name; `None` for the top.
    pub fn name(&self) -> Option<&OsStr> {
        self.0.file_name()
    }

    /// Its names from the top.
    pub fn names(&self) -> impl Iterator<Item = &OsStr> {
        self.0.components().map(Component::as_os_str)
    }

    /// The top, then every folder down to the path itself.
    pub fn descent(&self) -> Vec<Self> {
        let mut steps: Vec<Self> = self.0.ancestors().map(|path| Self(path.into())).collect();
        steps.reverse();
        steps
    }

    /// Whether this is `other` or lies beneath it.
    pub fn starts_with(&self, other: &Self) -> bool {
        self.0.starts_with(&other.0)
    }

    /// Whether this is the folder itself.
    pub fn is_top(&self) -> bool {
        self.0.as_os_str().is_empty()
    }

    /// The path as the standard library knows it.
    pub fn as_path(&self) -> &Path {
        &self.0
    }
}

/// As an appspec has it: with a leading `/`.
impl fmt::Display for RelativePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/{}", self.0.display())
    }
}

impl fmt::Debug for RelativePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

/// The form in a manifest: text, or bytes where the name is no UTF-8.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Stored {
    Text(String),
    Bytes(Vec<u8>),
}

impl From<RelativePath> for Stored {
    fn from(path: RelativePath) -> Self {
        match path.0.into_os_string().into_string() {
            Ok(text) => Self::Text(text),
            Err(bytes) => Self::Bytes(bytes.as_bytes().to_vec()),
        }
    }
}

impl From<Stored> for RelativePath {
    /// A manifest that somebody has edited can lead out no more than an appspec can: what is not a name is left out.
    fn from(stored: Stored) -> Self {
        let path = match stored {
            Stored::Text(text) => OsString::from(text),
            Stored::Bytes(bytes) => OsString::from_vec(bytes),
        };
        Self(Path::new(&path).components().filter(|part| matches!(part, Component::Normal(_))).collect())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn slashes_and_dots_mean_nothing() {
        for text in ["/a/b", "./a//b/", "a/x/../b", "/./a/b"] {
            assert_eq!(RelativePath::new(text).unwrap().to_string(), "/a/b");
        }
        assert!(RelativePath::new("/").unwrap().is_top());
        assert!(RelativePath::new("a/../..").is_err());
    }

    #[test]
    fn descends_from_the_top() {
        let steps = RelativePath::new("a/b").unwrap().descent();
        assert_eq!(steps.iter().map(ToString::to_string).collect::<Vec<_>>(), ["/", "/a", "/a/b"]);
    }

    proptest! {
        #[test]
        fn never_leaves(text in r"[a./\\~ ]{0,20}") {
            if let Ok(path) = RelativePath::new(&text) {
                prop_assert!(path.as_path().components().all(|part| matches!(part, Component::Normal(_))));
            }
        }

        #[test]
        fn is_read_back_from_a_manifest(bytes in proptest::collection::vec(1_u8..=255, 1..12)) {
            let path = RelativePath::default().child(OsStr::from_bytes(&bytes));
            let json = serde_json::to_string(&path).unwrap();
            prop_assert_eq!(serde_json::from_str::<RelativePath>(&json).unwrap(), path);
        }

        #[test]
        fn an_edited_manifest_does_not_lead_out(text in r"[a./]{0,16}") {
            let path: RelativePath = serde_json::from_value(text.into()).unwrap();
            prop_assert!(path.as_path().components().all(|part| matches!(part, Component::Normal(_))));
        }
    }
}
