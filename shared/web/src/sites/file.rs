//! Finds a site's file and never one outside the site's folder.

use std::io;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use crate::etag;

/// What an address of a site names.
pub(super) enum Found {
    /// A file, or a folder's `index.html`.
    File(File),
    /// A folder, named without its slash.
    Folder,
}

/// A file of a site.
pub(super) struct File {
    pub(super) name: PathBuf,
    pub(super) content: Vec<u8>,
    pub(super) tag: String,
    pub(super) cache_control: Option<String>,
}

/// Finds `path` in the site `name` below `sites`. Links are followed only as long as they stay inside the site.
pub(super) async fn find(sites: &Path, name: &str, path: &str) -> io::Result<Option<Found>> {
    let (sites, name, path) = (sites.to_path_buf(), name.to_owned(), path.to_owned());
    tokio::task::spawn_blocking(move || absent_is_none(look(&sites, &name, &path)))
        .await
        .map_err(io::Error::other)?
}

/// Whether `segment` is one plain name: no way up, no separator, nothing hidden from the eye.
pub(super) fn is_plain(segment: &str) -> bool {
    !matches!(segment, "" | "." | "..")
        && !segment.contains(['/', '\\', '\0', ':'])
        && !segment.chars().any(char::is_control)
}

fn look(sites: &Path, name: &str, path: &str) -> io::Result<Option<Found>> {
    if !is_plain(name) || name.ends_with(METADATA) {
        return Ok(None);
    }
    let site = sites.join(name).canonicalize()?;
    let (folder_asked, path) = match path.strip_suffix('/') {
        Some(path) => (true, path),
        None => (path.is_empty(), path),
    };
    let segments = || path.split('/').filter(|_| !path.is_empty());
    if !segments().all(is_plain) {
        return Ok(None);
    }
    let mut file = segments().fold(site.clone(), |file, segment| file.join(segment)).canonicalize()?;
    if file.is_dir() {
        if !folder_asked {
            return Ok(Some(Found::Folder));
        }
        file = file.join("index.html").canonicalize()?;
    } else if folder_asked {
        return Ok(None);
    }
    if !file.starts_with(&site) || !file.is_file() {
        return Ok(None);
    }
    read(sites, name, file).map(|file| Some(Found::File(file)))
}

fn read(sites: &Path, name: &str, file: PathBuf) -> io::Result<File> {
    let about = file.metadata()?;
    let changed = about.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
    let cache_control = cache_control(sites, name);
    Ok(File {
        tag: etag::of(&(changed, about.len())),
        content: std::fs::read(&file)?,
        cache_control,
        name: file,
    })
}

/// The file beside a site's folder that keeps what the deployment said about its objects.
const METADATA: &str = ".metadata.json";

fn cache_control(sites: &Path, name: &str) -> Option<String> {
    let text = std::fs::read(sites.join(format!("{name}{METADATA}"))).ok()?;
    let metadata: serde_json::Value = serde_json::from_slice(&text).ok()?;
    metadata.get("cacheControl")?.as_str().map(str::to_owned)
}

fn absent_is_none(result: io::Result<Option<Found>>) -> io::Result<Option<Found>> {
    match result {
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            Ok(None)
        }
        other => other,
    }
}
