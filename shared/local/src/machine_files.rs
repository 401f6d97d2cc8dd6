//! What this machine says of its own: `projects.yml`, `deployment-groups.yml`, `functions.yml`.
//!
//! Each is looked for in the state folder first, then in further folders (a run's: the server's state folder), then in
//! the folder `penstock` of the working tree. They are read when
//! an action starts, so that an edit counts for the next one.

use std::path::{Path, PathBuf};

use penstock_model::diagnostic::Diagnostic;
use penstock_model::document::{self, Node};

/// Why a file cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FileError {
    /// It cannot be read.
    #[error("{} cannot be read: {problem}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        problem: String,
    },
    /// Something in it is wrong.
    #[error("{}:{diagnostic}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What and where.
        diagnostic: Box<Diagnostic>,
    },
}

/// Where this machine's files are looked for.
#[derive(Debug, Clone, Default)]
pub struct MachineFiles {
    folders: Vec<PathBuf>,
}

/// A file that was found.
pub(crate) struct Found {
    /// Where it is.
    pub(crate) path: PathBuf,
    /// What it holds.
    pub(crate) root: Node,
}

impl MachineFiles {
    /// The files of the state folder `dir` and of the working tree `repository`.
    pub fn new(dir: &Path, repository: Option<&Path>) -> Self {
        Self::of(dir, &[], repository)
    }

    /// The files of the state folder `dir`, of the `further` folders and of the working tree `repository`.
    pub(crate) fn of(dir: &Path, further: &[PathBuf], repository: Option<&Path>) -> Self {
        let mut folders = vec![dir.to_owned()];
        folders.extend_from_slice(further);
        folders.extend(repository.map(|repository| repository.join("penstock")));
        Self { folders }
    }

    /// Reads the first file called `name` that there is.
    pub(crate) fn find(&self, name: &str) -> Result<Option<Found>, FileError> {
        for folder in &self.folders {
            let path = folder.join(name);
            match std::fs::read_to_string(&path) {
                Ok(text) => return parse(path, &text),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(FileError::Unreadable { path, problem: error.to_string() }),
            }
        }
        Ok(None)
    }

    /// Where a file called `name` would be looked for, for messages.
    pub(crate) fn places(&self, name: &str) -> String {
        let places: Vec<String> =
            self.folders.iter().map(|folder| folder.join(name).display().to_string()).collect();
        places.join(" or ")
    }
}

fn parse(path: PathBuf, text: &str) -> Result<Option<Found>, FileError> {
    let parsed = document::parse(text);
    let error = parsed
        .diagnostics
        .into_iter()
        .find(|diagnostic| penstock_model::diagnostic::refuses(std::slice::from_ref(diagnostic)));
    if let Some(diagnostic) = error {
        return Err(FileError::Invalid { path, diagnostic: Box::new(diagnostic) });
    }
    Ok(parsed.root.map(|root| Found { path, root }))
}

impl Found {
    /// The entries of the mapping `node`.
    pub(crate) fn entries<'n>(&self, node: &'n Node) -> Result<Vec<(&'n str, &'n Node)>, FileError> {
        let entries = node
            .map()
            .ok_or_else(|| self.invalid(node, format!("a mapping is expected here, not {}", node.kind())))?;
        Ok(entries.iter().map(|(key, value)| (key.text.as_str(), value)).collect())
    }

    /// The text of the scalar `node`.
    pub(crate) fn text<'n>(&self, node: &'n Node) -> Result<&'n str, FileError> {
        node.text().ok_or_else(|| self.invalid(node, format!("a text is expected here, not {}", node.kind())))
    }

    /// The truth value of the scalar `node`.
    pub(crate) fn flag(&self, node: &Node) -> Result<bool, FileError> {
        node.flag().ok_or_else(|| self.invalid(node, "write `true` or `false`"))
    }

    /// The items of the list `node`.
    pub(crate) fn items<'n>(&self, node: &'n Node) -> Result<&'n [Node], FileError> {
        node.list().ok_or_else(|| self.invalid(node, format!("a list is expected here, not {}", node.kind())))
    }

    /// The mapping `node` as names with texts.
    pub(crate) fn texts(&self, node: &Node) -> Result<Vec<(String, String)>, FileError> {
        let mut texts = vec![];
        for (name, value) in self.entries(node)? {
            texts.push((name.to_owned(), self.text(value)?.to_owned()));
        }
        Ok(texts)
    }

    /// An error at `node`.
    pub(crate) fn invalid(&self, node: &Node, message: impl Into<String>) -> FileError {
        let diagnostic = Diagnostic::error(node.place, "machine-file", message);
        FileError::Invalid { path: self.path.clone(), diagnostic: Box::new(diagnostic) }
    }

    /// An error about a key that is not known at `node`.
    pub(crate) fn unknown(&self, node: &Node, key: &str, known: &str) -> FileError {
        self.invalid(node, format!("the key `{}` is not known; there are {known}", key.escape_debug()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_folder_comes_first_and_mistakes_have_a_place() {
        let (dir, tree) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let files = MachineFiles::new(dir.path(), Some(tree.path()));
        assert!(files.find("projects.yml").unwrap().is_none());
        std::fs::create_dir(tree.path().join("penstock")).unwrap();
        std::fs::write(tree.path().join("penstock/projects.yml"), "projects: {a: }\n").unwrap();
        assert!(files.find("projects.yml").unwrap().unwrap().root.get("projects").is_some());
        std::fs::write(dir.path().join("projects.yml"), "a: [\n").unwrap();
        let error = files.find("projects.yml").err().unwrap().to_string();
        assert!(error.starts_with(&format!("{}/projects.yml:", dir.path().display())), "{error}");
    }
}
