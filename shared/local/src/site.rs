//! S3 deploy actions: the artifact's files, or the artifact itself, into the folder `<dir>/sites/<BucketName>`.
//!
//! As in S3 nothing is pruned: what stood there before and is not overwritten stays. The whole is published at once, by
//! exchanging the folder, so that no visitor sees half of it. `CacheControl` is kept in `<BucketName>.metadata.json`
//! beside the folder. `CannedACL` and `KMSEncryptionKeyARN` mean nothing here and are noted in the log.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};
use penstock_app::engine::state::{AttemptError, ErrorCode, External};
use penstock_app::port::PortError;
use penstock_app::port::clock::Clock;
use penstock_app::port::provider::{Begun, Done, Ending, Observation, Provider, Work};
use penstock_model::id::AttemptId;
use penstock_model::pipeline::Action;
use penstock_model::time::Timestamp;
use walkdir::WalkDir;

use crate::attempt_log::AttemptLog;
use crate::logs::LogFiles;
use crate::room;
use crate::workspace::Workspaces;

/// Performs S3 deploy actions on this machine.
#[derive(Clone)]
pub struct Sites {
    /// The folder that holds a folder for each bucket.
    pub root: PathBuf,
    /// Whether a server shows them under `/sites/`.
    pub served: bool,
    /// Where artifacts are unpacked.
    pub workspaces: Workspaces,
    /// Where attempts' logs go.
    pub logs: LogFiles,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// One publication at a time.
    pub publishing: Arc<Mutex<()>>,
    /// The attempts whose publication is under way. One that takes longer than its claim is started again meanwhile,
    /// and the repetition would empty the work folder of the first.
    pub under_way: Arc<Mutex<HashSet<AttemptId>>>,
}

#[async_trait]
impl Provider for Sites {
    async fn start(&self, work: &Work, _taken_over: bool) -> Result<Begun, PortError> {
        let (this, work) = (self.clone(), work.clone());
        let published = tokio::task::spawn_blocking(move || this.publish_once(&work)).await;
        match published.map_err(|error| PortError::transient(format!("publish a site: {error}")))? {
            Ok(done) => Ok(Begun::Ended(Ending::Succeeded(Box::new(done)))),
            Err(Failure::Configuration(message)) => {
                let error = AttemptError::new(ErrorCode::ConfigurationError, message);
                Ok(Begun::Ended(Ending::Failed { error, external: None }))
            }
            Err(Failure::Port(error)) => Err(error),
            Err(Failure::Io(error)) => {
                let error = room::needed_in(&self.root)(error);
                Err(PortError::transient(format!("publish a site: {error}")))
            }
        }
    }

    async fn observe(&self, _work: &Work, _external: &External) -> Result<Observation, PortError> {
        Ok(Observation::Gone)
    }

    async fn cancel(&self, _work: &Work, _external: Option<&External>) -> Result<Observation, PortError> {
        Ok(Observation::Gone)
    }
}

enum Failure {
    Configuration(String),
    Port(PortError),
    Io(io::Error),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<PortError> for Failure {
    fn from(error: PortError) -> Self {
        Self::Port(error)
    }
}

impl Sites {
    fn publish_once(&self, work: &Work) -> Result<Done, Failure> {
        let under_way = || self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        if !under_way().insert(work.attempt.clone()) {
            return Err(PortError::transient("publish a site: it is still being published").into());
        }
        let published = self.publish(work);
        under_way().remove(&work.attempt);
        published
    }

    fn publish(&self, work: &Work) -> Result<Done, Failure> {
        let started_at = self.clock.now();
        let wish = Wish::of(work, started_at).map_err(Failure::Configuration)?;
        let artifact = work
            .inputs
            .first()
            .ok_or_else(|| Failure::Configuration("an S3 action needs one input artifact".into()))?;
        let log = AttemptLog::open(&self.logs, &work.attempt)?;
        for key in ["CannedACL", "KMSEncryptionKeyARN"] {
            if work.action.configuration.contains_key(key) {
                log.line(&format!("warning: {key} means nothing on one machine and is ignored"));
            }
        }
        let workspace = self.workspaces.create(&work.attempt)?;
        let fresh = workspace.path().join("fresh");
        if wish.extract {
            self.workspaces.extract(artifact, &fresh)?;
        }
        let next = workspace.path().join("next");
        let site = self.root.join(&wish.bucket);

        let _one = self.publishing.lock().unwrap_or_else(PoisonError::into_inner);
        link_all(&site, &next)?;
        if wish.extract {
            place_all(&fresh, &wish.key.iter().fold(next.clone(), |path, part| path.join(part)))?;
        } else {
            let place = wish.key.iter().fold(next.clone(), |path, part| path.join(part));
            make_room(&next, &place)?;
            fs::copy(self.workspaces.object(artifact)?, &place)?;
        }
        self.keep_metadata(&wish, work)?;
        nix::unistd::syncfs(File::open(&next)?).map_err(io::Error::from)?;
        exchange(&next, &site)?;
        let key = wish.key.join("/");
        log.line(&format!("published `{}` as {}/{key}", artifact.name, wish.bucket));
        let place = match self.served {
            true => format!("/sites/{}/{key}", wish.bucket),
            false => site.join(&key).display().to_string(),
        };
        let summary = Some(format!("published to {place}"));
        Ok(Done { summary, started_at: Some(started_at), ..Done::default() })
    }

    fn keep_metadata(&self, wish: &Wish, work: &Work) -> io::Result<()> {
        let path = self.root.join(format!("{}.metadata.json", wish.bucket));
        let mut metadata = serde_json::Map::new();
        if let Some(value) = work.action.configuration.get("CacheControl") {
            metadata.insert("cacheControl".into(), value.as_str().into());
        }
        let fresh = path.with_extension("new");
        fs::write(&fresh, serde_json::to_vec(&metadata)?)?;
        fs::rename(fresh, path)
    }
}

/// What an action's configuration asks for.
#[derive(Debug)]
struct Wish {
    bucket: String,
    extract: bool,
    key: Vec<String>,
}

impl Wish {
    fn of(work: &Work, now: Timestamp) -> Result<Self, String> {
        let get = |key: &str| {
            work.action.configuration.get(key).map(String::as_str).filter(|value| !value.is_empty())
        };
        let bucket = get("BucketName").ok_or("BucketName is missing; it names the site")?.to_owned();
        if !is_bucket(&bucket) {
            return Err(not_plain(&bucket));
        }
        let extract = match get("Extract").map(str::to_ascii_lowercase).as_deref() {
            Some("true") => true,
            Some("false") => false,
            _ => return Err("Extract is missing; write `true` to publish the artifact's files, `false` to publish the zip".into()),
        };
        let key = match get("ObjectKey") {
            Some(key) => plain_key(&expand(key, work, now))?,
            None if extract => vec![],
            None => return Err("ObjectKey is missing; without Extract it names the file".into()),
        };
        Ok(Self { bucket, extract, key })
    }
}

/// Why `action` cannot be performed here, whatever its variables come to.
pub(crate) fn refuse(action: &Action) -> Option<String> {
    let literal = |key: &str| action.configuration.get(key).filter(|value| !value.contains("#{"));
    let bucket = literal("BucketName").filter(|bucket| !is_bucket(bucket)).map(|bucket| not_plain(bucket));
    bucket.or_else(|| literal("ObjectKey").and_then(|key| plain_key(key).err()))
}

fn not_plain(bucket: &str) -> String {
    let bucket = bucket.escape_debug();
    format!("BucketName `{bucket}` is no plain name; use up to 63 letters, digits, `.`, `_` and `-`")
}

/// Whether `name` can be a site's folder.
fn is_bucket(name: &str) -> bool {
    let characters = name.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
    characters
        && (1..=63).contains(&name.len())
        && !name.starts_with('.')
        && !name.ends_with(".metadata.json")
}

/// Replaces `{datetime}` (UTC) and `{uuid}` (of the attempt: a repetition writes the same key).
fn expand(key: &str, work: &Work, now: Timestamp) -> String {
    let moment = now.to_string();
    let date = moment.get(..19).unwrap_or(&moment).replace('T', "_").replace(':', "-");
    let digits = work.attempt.token();
    let digits = digits.trim_start_matches("p-");
    let parts = [(0, 8), (8, 12), (12, 16), (16, 20), (20, 32)]
        .map(|(from, to)| digits.get(from..to).unwrap_or_default());
    key.replace("{datetime}", &date).replace("{uuid}", &parts.join("-"))
}

/// The key's parts, if it stays inside the site.
fn plain_key(key: &str) -> Result<Vec<String>, String> {
    let parts: Vec<&str> = key.trim_end_matches('/').split('/').collect();
    let bad = |part: &&str| {
        matches!(*part, "" | "." | "..") || part.contains(['\\', '\0']) || part.chars().any(char::is_control)
    };
    if parts.iter().any(bad) {
        return Err(format!(
            "ObjectKey `{}` does not stay inside the site; write a relative path without `.` and `..`",
            key.escape_debug()
        ));
    }
    Ok(parts.into_iter().map(ToOwned::to_owned).collect())
}

/// A copy of the tree `from` at the new folder `to`. Files are shared: they are replaced, never written to.
fn link_all(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    if !from.exists() {
        return Ok(());
    }
    for entry in WalkDir::new(from).min_depth(1) {
        let entry = entry?;
        let place = to.join(entry.path().strip_prefix(from).map_err(io::Error::other)?);
        if entry.file_type().is_dir() {
            fs::create_dir(place)?;
        } else if entry.file_type().is_symlink() {
            symlink(fs::read_link(entry.path())?, place)?;
        } else {
            fs::hard_link(entry.path(), place)?;
        }
    }
    Ok(())
}

/// Moves everything below `from` to `to`, over what stands there.
fn place_all(from: &Path, to: &Path) -> io::Result<()> {
    let root = to.ancestors().find(|above| above.is_dir()).unwrap_or(to).to_owned();
    make_room(&root, &to.join("_"))?;
    for entry in WalkDir::new(from).min_depth(1) {
        let entry = entry?;
        let place = to.join(entry.path().strip_prefix(from).map_err(io::Error::other)?);
        let there = fs::symlink_metadata(&place);
        if entry.file_type().is_dir() {
            if there.as_ref().is_ok_and(fs::Metadata::is_dir) {
                continue;
            }
            if there.is_ok() {
                fs::remove_file(&place)?;
            }
            fs::create_dir(&place)?;
            continue;
        }
        if there.is_ok_and(|there| there.is_dir()) {
            fs::remove_dir_all(&place)?;
        }
        fs::rename(entry.path(), &place)?;
    }
    Ok(())
}

/// Makes the folders between `root` and `place`, over files and links that stand in the way, and removes what is at `place`.
fn make_room(root: &Path, place: &Path) -> io::Result<()> {
    let relative = place.strip_prefix(root).map_err(io::Error::other)?;
    let mut above = root.to_owned();
    for part in relative.parent().into_iter().flat_map(Path::components) {
        above.push(part);
        match fs::symlink_metadata(&above) {
            Ok(there) if there.is_dir() => {}
            Ok(_) => {
                fs::remove_file(&above)?;
                fs::create_dir(&above)?;
            }
            Err(_) => fs::create_dir(&above)?,
        }
    }
    match fs::symlink_metadata(place) {
        Ok(there) if there.is_dir() => fs::remove_dir_all(place),
        Ok(_) => fs::remove_file(place),
        Err(_) => Ok(()),
    }
}

/// Puts `next` in the place of `site` in one step; what stood there is at `next` afterwards.
fn exchange(next: &Path, site: &Path) -> io::Result<()> {
    let folder = site.parent().unwrap_or(site);
    if site.exists() {
        renameat2(AT_FDCWD, next, AT_FDCWD, site, RenameFlags::RENAME_EXCHANGE).map_err(io::Error::from)?;
    } else {
        fs::rename(next, site)?;
    }
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escaping_keys_are_refused() {
        for key in ["../a", "a/../../b", "/etc/passwd", "a//b", "a\\b", "."] {
            assert!(plain_key(key).is_err(), "{key}");
        }
        assert_eq!(plain_key("releases/1/").unwrap(), ["releases", "1"]);
        for name in [".hidden", "a/b", "..", "", "x.metadata.json"] {
            assert!(!is_bucket(name), "{name}");
        }
    }

    #[test]
    fn publishing_keeps_what_is_not_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let (site, fresh, next) =
            (folder.path().join("site"), folder.path().join("fresh"), folder.path().join("next"));
        fs::create_dir_all(site.join("old")).unwrap();
        fs::write(site.join("old/a"), "old").unwrap();
        fs::write(site.join("index.html"), "old").unwrap();
        symlink("old", site.join("css")).unwrap();
        fs::create_dir_all(fresh.join("css")).unwrap();
        fs::write(fresh.join("index.html"), "new").unwrap();
        fs::write(fresh.join("css/a"), "new").unwrap();
        link_all(&site, &next).unwrap();
        place_all(&fresh, &next).unwrap();
        exchange(&next, &site).unwrap();
        assert_eq!(fs::read(site.join("index.html")).unwrap(), b"new");
        assert_eq!(fs::read(site.join("old/a")).unwrap(), b"old", "nothing is written through a link");
        assert_eq!(fs::read(site.join("css/a")).unwrap(), b"new");
        assert_eq!(fs::read(next.join("index.html")).unwrap(), b"old");
    }
}
