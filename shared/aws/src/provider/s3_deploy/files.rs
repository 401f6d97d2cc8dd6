//! The files of an extracted artifact, with the keys under which they are put.
//!
//! A link to a file stands for the file's content; what it points to lies inside the artifact, which its extraction
//! has seen to. A link to a folder is left out: following it could multiply the artifact without end.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// A file to put.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Source {
    /// Relative to the artifact's root, with `/`.
    pub(super) name: String,
    /// Where it lies.
    pub(super) path: PathBuf,
    pub(super) size: u64,
}

/// What an artifact holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Sources {
    /// By name.
    pub(super) files: Vec<Source>,
    /// Links that lead to no file.
    pub(super) left_out: usize,
    /// The bytes of all files, each link counted like its file.
    pub(super) bytes: u64,
}

/// Everything below `root`.
///
/// # Errors
/// If the disk fails, or a name is no text.
pub(super) fn list(root: &Path) -> io::Result<Sources> {
    let mut found = Sources::default();
    let mut folders = vec![(root.to_owned(), String::new())];
    while let Some((folder, prefix)) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let name = entry.file_name().into_string().map_err(|name| {
                io::Error::new(io::ErrorKind::InvalidData, format!("the file name {name:?} is no UTF-8 text"))
            })?;
            let name = format!("{prefix}{name}");
            if entry.file_type()?.is_dir() {
                folders.push((entry.path(), format!("{name}/")));
            } else {
                found.add(name, entry.path());
            }
        }
    }
    found.files.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(found)
}

impl Sources {
    fn add(&mut self, name: String, path: PathBuf) {
        match fs::metadata(&path) {
            Ok(there) if there.is_file() => {
                self.bytes += there.len();
                self.files.push(Source { name, path, size: there.len() });
            }
            Ok(_) | Err(_) => self.left_out += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn links_to_files_count_and_others_are_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        fs::create_dir_all(root.join("css/deep")).unwrap();
        fs::write(root.join("index.html"), "hello").unwrap();
        fs::write(root.join("css/deep/a.css"), "a").unwrap();
        symlink("index.html", root.join("home.html")).unwrap();
        symlink("css", root.join("styles")).unwrap();
        symlink("nothing", root.join("dangling")).unwrap();
        let found = list(root).unwrap();
        let names: Vec<_> = found.files.iter().map(|file| file.name.as_str()).collect();
        assert_eq!(names, ["css/deep/a.css", "home.html", "index.html"]);
        assert_eq!((found.left_out, found.bytes), (2, 11));
    }
}
