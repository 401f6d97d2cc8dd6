//! The local cache: copies of files under keys, in a folder that builds share.
//!
//! An entry lies in `<version>/<name>/`: the version is the hash of the paths, so that other paths never match; the
//! name is the hash of the key. Keyed entries are never changed ("Cache keys" in the CodeBuild user guide).

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use sha2::{Digest, Sha256};

use crate::files::{Search, copy, copy_tree, is_pattern};

/// A build's cache; all texts are expanded by now.
#[derive(Debug, Clone)]
pub(crate) struct LocalCache {
    /// The folder that builds share.
    pub(crate) folder: PathBuf,
    /// What relative paths are relative to.
    pub(crate) source: PathBuf,
    pub(crate) paths: Vec<String>,
    pub(crate) key: Option<String>,
    pub(crate) fallback_keys: Vec<String>,
}

/// Where an absolute path is put back.
const ABSOLUTE: &str = "absolute";
const RELATIVE: &str = "relative";

impl LocalCache {
    /// Puts the files of the best entry in place; says what was done.
    pub(crate) fn restore(&self) -> io::Result<String> {
        let Some((key, entry)) = self.find() else {
            return Ok("No cache entry was found".into());
        };
        used(&entry);
        let mut count = 0;
        for (part, target) in [(RELATIVE, self.source.as_path()), (ABSOLUTE, Path::new("/"))] {
            count += copy_tree(&entry.join(part), target)?;
        }
        Ok(format!("Restored {count} file(s) from the cache entry {key}"))
    }

    /// Keeps the files for later builds; says what was done.
    pub(crate) fn save(&self) -> io::Result<String> {
        let entry = self.entry(self.key.as_deref());
        if self.key.is_some() && entry.exists() {
            return Ok("The cache has an entry under this key already; it stays as it is".into());
        }
        let version = self.version();
        fs::create_dir_all(&version)?;
        let fresh = tempfile_in(&version)?;
        let saved = self.fill(&fresh).and_then(|count| replace(&fresh, &entry).map(|()| count));
        if saved.is_err() {
            // What is left of a failed attempt only takes room.
            drop(fs::remove_dir_all(&fresh));
        }
        Ok(format!("Saved {} file(s) in the cache", saved?))
    }

    fn fill(&self, fresh: &Path) -> io::Result<usize> {
        let mut count = 0;
        let search = Search { base: &self.source, root: &self.source, links: true };
        for pattern in &self.paths {
            let part = if pattern.starts_with('/') { ABSOLUTE } else { RELATIVE };
            for (name, found) in search.find(&whole(&self.source, pattern)).map_err(io::Error::other)?.files {
                copy(&found, &fresh.join(part).join(name))?;
                count += 1;
            }
        }
        fs::write(fresh.join("key"), self.key.as_deref().unwrap_or_default())?;
        Ok(count)
    }

    fn find(&self) -> Option<(String, PathBuf)> {
        let exact = self.entry(self.key.as_deref());
        if exact.exists() {
            return Some((self.key.clone().unwrap_or_else(|| "without a key".into()), exact));
        }
        self.key.as_ref()?;
        self.fallback_keys.iter().find_map(|prefix| self.newest(prefix))
    }

    /// The newest entry whose key starts with `prefix`.
    fn newest(&self, prefix: &str) -> Option<(String, PathBuf)> {
        let mut newest: Option<(SystemTime, String, PathBuf)> = None;
        for entry in fs::read_dir(self.version()).ok()?.flatten() {
            let path = entry.path();
            let Ok(key) = fs::read_to_string(path.join("key")) else {
                continue;
            };
            let Ok(time) = path.join("key").metadata().and_then(|metadata| metadata.modified()) else {
                continue;
            };
            let complete = !entry.file_name().to_string_lossy().starts_with('.');
            if complete && key.starts_with(prefix) && newest.as_ref().is_none_or(|(other, ..)| *other < time)
            {
                newest = Some((time, key, path));
            }
        }
        newest.map(|(_, key, path)| (key, path))
    }

    fn version(&self) -> PathBuf {
        self.folder.join(digest(self.paths.join("\0").as_bytes()))
    }

    fn entry(&self, key: Option<&str>) -> PathBuf {
        self.version().join(key.map_or_else(|| "unkeyed".to_owned(), |key| digest(key.as_bytes())))
    }
}

/// Sets the time of an entry's folder: what is not used for long may be removed. The time of `key` says how new it is.
fn used(entry: &Path) {
    // A cache that another user wrote still serves.
    let _ = fs::File::open(entry).and_then(|folder| folder.set_modified(SystemTime::now()));
}

/// A folder that is named means all that is in it.
fn whole(source: &Path, pattern: &str) -> String {
    if !is_pattern(pattern) && source.join(pattern).is_dir() {
        return format!("{}/**/*", pattern.trim_end_matches('/'));
    }
    pattern.to_owned()
}

/// A new folder whose name no entry has.
fn tempfile_in(version: &Path) -> io::Result<PathBuf> {
    for number in 0_u32.. {
        let path = version.join(format!(".new-{}-{number}", std::process::id()));
        match fs::create_dir(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            made => return made.map(|()| path),
        }
    }
    Err(io::Error::other("no free name for a cache entry"))
}

fn replace(fresh: &Path, entry: &Path) -> io::Result<()> {
    if entry.exists() {
        let old = fresh.with_extension("old");
        fs::rename(entry, &old)?;
        fs::rename(fresh, entry)?;
        return fs::remove_dir_all(old);
    }
    fs::rename(fresh, entry)
}

/// What `codebuild-hash-files` prints: one SHA-256 for all files that the patterns match.
pub(crate) fn hash_files(source: &Path, patterns: &[&str]) -> io::Result<String> {
    let search = Search { base: source, root: source, links: false };
    let mut all = Sha256::new();
    for pattern in patterns {
        for found in search.find(pattern).map_err(io::Error::other)?.files.into_values() {
            let mut file = fs::File::open(found.path)?;
            let (mut one, mut buffer) = (Sha256::new(), vec![0; 64 * 1024]);
            loop {
                match file.read(&mut buffer)? {
                    0 => break,
                    read => one.update(&buffer[..read]),
                }
            }
            all.update(one.finalize());
        }
    }
    Ok(hex::encode(all.finalize()))
}

/// Replaces each `$(codebuild-hash-files PATTERN…)` of a key.
pub(crate) fn expand_hashes(key: &str, source: &Path) -> io::Result<String> {
    const CALL: &str = "$(codebuild-hash-files ";
    let (mut expanded, mut rest) = (String::new(), key);
    while let Some((before, call)) = rest.split_once(CALL) {
        let Some((patterns, after)) = call.split_once(')') else {
            break;
        };
        let patterns: Vec<_> =
            patterns.split_whitespace().map(|text| text.trim_matches(['"', '\''])).collect();
        expanded += before;
        expanded += &hash_files(source, &patterns)?;
        rest = after;
    }
    Ok(expanded + rest)
}

fn digest(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Place {
        _folder: tempfile::TempDir,
        cache: LocalCache,
    }

    fn place(key: Option<&str>) -> Place {
        let folder = tempfile::tempdir().unwrap();
        let (source, store) = (folder.path().join("source"), folder.path().join("cache"));
        fs::create_dir_all(source.join("deps/deep")).unwrap();
        fs::write(source.join("deps/deep/a"), "1").unwrap();
        std::os::unix::fs::symlink("deep/a", source.join("deps/link")).unwrap();
        fs::create_dir_all(folder.path().join("home")).unwrap();
        fs::write(folder.path().join("home/b"), "2").unwrap();
        let paths = vec!["deps/**/*".to_owned(), format!("{}/home", folder.path().display())];
        let key = key.map(str::to_owned);
        let cache = LocalCache { folder: store, source, paths, key, fallback_keys: Vec::new() };
        Place { _folder: folder, cache }
    }

    fn wipe(place: &Place) {
        fs::remove_dir_all(place.cache.source.join("deps")).unwrap();
        fs::remove_dir_all(place.cache.folder.parent().unwrap().join("home")).unwrap();
    }

    #[test]
    fn files_come_back_where_they_were() {
        let place = place(None);
        assert_eq!(place.cache.restore().unwrap(), "No cache entry was found");
        assert_eq!(place.cache.save().unwrap(), "Saved 3 file(s) in the cache");
        fs::write(place.cache.source.join("deps/deep/a"), "newer").unwrap();
        place.cache.save().unwrap();
        wipe(&place);
        place.cache.restore().unwrap();
        assert_eq!(fs::read_to_string(place.cache.source.join("deps/link")).unwrap(), "newer");
        assert!(place.cache.folder.parent().unwrap().join("home/b").exists());
    }

    #[test]
    fn keyed_entries_never_change_and_other_paths_never_match() {
        let mut place = place(Some("npm-1"));
        place.cache.save().unwrap();
        assert!(place.cache.save().unwrap().contains("stays as it is"));
        place.cache.key = Some("npm-2".into());
        assert_eq!(place.cache.restore().unwrap(), "No cache entry was found");
        place.cache.fallback_keys = vec!["maven-".into(), "npm-".into()];
        assert_eq!(place.cache.restore().unwrap(), "Restored 3 file(s) from the cache entry npm-1");
        place.cache.paths.push("other".into());
        assert_eq!(place.cache.restore().unwrap(), "No cache entry was found");
    }

    #[test]
    fn keys_hold_hashes_of_files() {
        let place = place(None);
        let key = |text| expand_hashes(text, &place.cache.source).unwrap();
        let first = key("v1-$(codebuild-hash-files 'deps/**/a')-$X");
        assert!(first.starts_with("v1-") && first.ends_with("-$X") && first.len() == 3 + 64 + 3, "{first}");
        fs::write(place.cache.source.join("deps/deep/a"), "changed").unwrap();
        assert_ne!(key("v1-$(codebuild-hash-files 'deps/**/a')-$X"), first);
        assert_eq!(key("plain"), "plain");
    }
}
