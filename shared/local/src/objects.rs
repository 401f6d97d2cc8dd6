//! The artifact store: zips under their digest, read-only, with every reader's copy checked.
//!
//! A large object is synchronised before it is spoken of. A small one is carried by the database's next commit, which
//! makes its content durable together with the report that speaks of it.

use std::fs::{self, File, Permissions};
use std::io::{self, Read};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::{PoisonError, RwLock};

use async_trait::async_trait;
use penstock_app::port::PortError;
use penstock_app::port::artifacts::Artifacts;
use penstock_app::port::revisions::Revisions;
use penstock_model::artifact::Artifact;
use penstock_model::id::{ArtifactName, AttemptId, PipelineName};
use sha2::{Digest, Sha256};

use crate::database::Database;
use crate::{placement, room};

mod durability;
mod incoming;
mod links;
mod removal;

/// What the state records as the bucket of an artifact that lies here.
pub const BUCKET: &str = "local";

/// The largest object that the database carries; more would fill its log faster than a file is synchronised.
const CARRIED: u64 = 128 << 10;

/// The folder of the links that say what attempts stored.
const KEYS: &str = "keys";

/// Held for reading from when a link is made until its object is known to be there, for writing while objects to
/// which no link leads are removed. One for all stores of this process, which has its folder to itself.
static REMOVAL: RwLock<()> = RwLock::new(());

/// The artifact store in a folder: `<first two digits>/<digest>.zip`, and `keys/…`, a link for each artifact that says
/// which object it is, and for each attempt at a source action one that says to which revision it keeps.
#[derive(Clone)]
pub struct Objects {
    root: PathBuf,
    /// What carries small objects; without it, all are synchronised.
    carrier: Option<Arc<Database>>,
}

impl Objects {
    /// The store in `root`, which is created.
    ///
    /// # Errors
    /// As creating folders gives them.
    pub fn open(root: &Path) -> io::Result<Self> {
        let keys = root.join(KEYS);
        fs::create_dir_all(&keys)?;
        placement::apart(&keys);
        Ok(Self { root: root.to_owned(), carrier: None })
    }

    /// The same store with small objects carried by the commits of `database`. What was carried when the machine went
    /// down is brought back, as are links that it lost.
    ///
    /// # Errors
    /// A [`PortError`] as reading the database and writing files give them.
    pub fn carried_by(self, database: Arc<Database>) -> Result<Self, PortError> {
        for carried in database.carried(|sha256| self.place(sha256))? {
            let restored = self.restore(&carried.sha256, &carried.content);
            restored.map_err(|error| {
                let error = room::needed_in(&self.root)(error);
                PortError::transient(format!("bring back {}: {error}", carried.place.display()))
            })?;
            durability::know(&carried.place);
            database.settle(carried);
        }
        self.relink(&database)?;
        Ok(Self { carrier: Some(database), ..self })
    }

    /// The store's folder.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Makes sure that the object with this digest has its content.
    fn restore(&self, sha256: &str, content: &[u8]) -> io::Result<()> {
        let place = self.place(sha256);
        if digest(&place).is_ok_and(|(there, _)| there == sha256) {
            return Ok(());
        }
        let file = self.root.join(format!("{}{sha256}", incoming::PREFIX));
        fs::write(&file, content)?;
        self.move_in(&file, &place)
    }

    /// Records `name` of `attempt` as the object with this digest, if it is here.
    pub fn adopt(
        &self,
        pipeline: &PipelineName,
        attempt: &AttemptId,
        name: &ArtifactName,
        sha256: &str,
    ) -> Option<Artifact> {
        let _kept = REMOVAL.read().unwrap_or_else(PoisonError::into_inner);
        let there = self.stored(pipeline, attempt, name);
        if let Some(there) = there.filter(|there| there.sha256 == sha256) {
            self.make_durable(&self.place(sha256), sha256, there.size).ok()?;
            return Some(there);
        }
        let place = self.place(sha256);
        let size = fs::metadata(&place).ok()?.len();
        self.make_durable(&place, sha256, size).ok()?;
        self.remember(attempt, name, sha256).ok()?;
        Some(recorded(pipeline, attempt, name, sha256, size))
    }

    /// Makes `attempt` keep to `revision`; returns that to which it keeps, which is the first.
    ///
    /// # Errors
    /// As making and reading links give them.
    pub fn keep_to(&self, attempt: &AttemptId, revision: &str) -> io::Result<String> {
        // No artifact's name has an `@`.
        let key = self.named(attempt, "@revision");
        let made = fs::create_dir_all(key.parent().unwrap_or(&self.root));
        match made.and_then(|()| symlink(revision, &key)) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                Ok(fs::read_link(&key)?.to_string_lossy().into_owned())
            }
            linked => linked.map(|()| revision.to_owned()).map_err(room::needed_in(&self.root)),
        }
    }

    /// What is stored already as `name` of `attempt`, if it is sound.
    fn stored(&self, pipeline: &PipelineName, attempt: &AttemptId, name: &ArtifactName) -> Option<Artifact> {
        let target = fs::read_link(self.key(attempt, name)).ok()?;
        let sha256 = target.to_str().filter(|sha256| is_digest(sha256))?;
        let (there, size) = digest(&self.place(sha256)).ok()?;
        (there == sha256).then(|| recorded(pipeline, attempt, name, sha256, size))
    }

    /// Notes which object is stored as `name` of `attempt`: a link that leads nowhere, made in one step. If another is
    /// stored so, a further link.
    fn remember(&self, attempt: &AttemptId, name: &ArtifactName, sha256: &str) -> io::Result<()> {
        let key = match fs::read_link(self.key(attempt, name)) {
            Ok(other) if is_other(&other, sha256) => self.further_key(attempt, name, sha256),
            Ok(_) | Err(_) => self.key(attempt, name),
        };
        let link = || symlink(sha256, &key);
        match link() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                fs::create_dir_all(key.parent().unwrap_or(&self.root))?;
                link()
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                fs::remove_file(&key)?;
                link()
            }
            linked => linked,
        }
    }

    fn further_key(&self, attempt: &AttemptId, name: &ArtifactName, sha256: &str) -> PathBuf {
        // No artifact's name has a point.
        self.named(attempt, &format!(".{name}.{}", &sha256[..16]))
    }

    fn key(&self, attempt: &AttemptId, name: &ArtifactName) -> PathBuf {
        self.named(attempt, &format!(".{name}"))
    }

    fn named(&self, attempt: &AttemptId, ending: &str) -> PathBuf {
        let token = attempt.token();
        let token = token.trim_start_matches("p-");
        self.root.join(KEYS).join(&token[..2]).join(format!("{token}{ending}"))
    }

    /// Stores the zip at `file`, which is moved away, and returns what is recorded of it. What the attempt stored
    /// before under this name stays too: a try that nobody has heard of may have stored something else.
    ///
    /// # Errors
    /// As reading, moving and synchronising files give them.
    pub fn store(
        &self,
        pipeline: &PipelineName,
        attempt: &AttemptId,
        name: &ArtifactName,
        file: &Path,
    ) -> io::Result<Artifact> {
        self.stored_anew(pipeline, attempt, name, file).map_err(room::needed_in(&self.root))
    }

    fn stored_anew(
        &self,
        pipeline: &PipelineName,
        attempt: &AttemptId,
        name: &ArtifactName,
        file: &Path,
    ) -> io::Result<Artifact> {
        let (sha256, size) = digest(file)?;
        let _kept = REMOVAL.read().unwrap_or_else(PoisonError::into_inner);
        let there = self.stored(pipeline, attempt, name);
        if let Some(there) = there.filter(|there| there.sha256 == sha256) {
            self.make_durable(&self.place(&sha256), &sha256, size)?;
            fs::remove_file(file)?;
            return Ok(there);
        }
        let place = self.place(&sha256);
        self.remember(attempt, name, &sha256)?;
        if place.exists() && digest(&place).is_ok_and(|(there, _)| there == sha256) {
            self.make_durable(&place, &sha256, size)?;
            fs::remove_file(file)?;
        } else {
            let file = self.brought_here(file, attempt, name)?;
            self.bring_in(&file, &place, &sha256, size).inspect_err(|_| {
                // A full disk needs the room.
                let _ = fs::remove_file(&file);
            })?;
        }
        Ok(recorded(pipeline, attempt, name, &sha256, size))
    }

    /// The object of `artifact`, to be read only, its digest checked.
    ///
    /// # Errors
    /// A permanent [`PortError`] if it is missing or damaged.
    pub fn checked(&self, artifact: &Artifact) -> Result<PathBuf, PortError> {
        let place = self.place_of(artifact)?;
        sound(artifact, &place, digest(&place).map(|(sha256, _)| sha256))?;
        Ok(place)
    }

    /// The content of `artifact`, its digest checked, if it is small enough to be carried.
    ///
    /// # Errors
    /// As [`Self::checked`].
    pub fn small(&self, artifact: &Artifact) -> Result<Option<Vec<u8>>, PortError> {
        if artifact.size > CARRIED {
            return Ok(None);
        }
        let place = self.place_of(artifact)?;
        let (content, sha256) = match fs::read(&place) {
            Ok(content) => {
                let sha256 = hex::encode(Sha256::digest(&content));
                (content, Ok(sha256))
            }
            Err(error) => (vec![], Err(error)),
        };
        sound(artifact, &place, sha256)?;
        Ok(Some(content))
    }

    /// Where the object of `artifact` lies if it is one of this store.
    fn place_of(&self, artifact: &Artifact) -> Result<PathBuf, PortError> {
        if artifact.bucket != BUCKET || !is_digest(&artifact.sha256) {
            let message = format!(
                "read the artifact `{}`: it lies in `{}`, not on this machine",
                artifact.name, artifact.bucket
            );
            return Err(PortError::permanent(message));
        }
        if !artifact.key.ends_with(&ending(&artifact.sha256)) {
            let message = format!(
                "read the artifact `{}`: its key and its digest do not belong together",
                artifact.name
            );
            return Err(PortError::permanent(message));
        }
        Ok(self.place(&artifact.sha256))
    }

    fn place(&self, sha256: &str) -> PathBuf {
        self.root.join(&sha256[..2]).join(format!("{sha256}.zip"))
    }
}

/// Refuses an object that does not have the digest that was recorded.
fn sound(artifact: &Artifact, place: &Path, found: io::Result<String>) -> Result<(), PortError> {
    let (name, place) = (&artifact.name, place.display());
    match found {
        Ok(sha256) if sha256 == artifact.sha256 => Ok(()),
        Ok(_) => Err(PortError::permanent(format!(
            "read the artifact `{name}`: {place} does not have the digest that was recorded; start the pipeline anew"
        ))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(PortError::permanent(format!(
            "read the artifact `{name}`: {place} is gone; start the pipeline anew"
        ))),
        Err(error) => Err(PortError::transient(format!("read {place}: {error}"))),
    }
}

fn recorded(
    pipeline: &PipelineName,
    attempt: &AttemptId,
    name: &ArtifactName,
    sha256: &str,
    size: u64,
) -> Artifact {
    Artifact {
        name: name.clone(),
        bucket: BUCKET.into(),
        key: format!("{pipeline}/{attempt}/{name}{}", ending(sha256)),
        version_id: None,
        sha256: sha256.into(),
        size,
    }
}

fn is_other(target: &Path, sha256: &str) -> bool {
    target.to_str().is_some_and(|target| is_digest(target) && target != sha256)
}

/// How the key of an object with this digest ends, so that a key and a digest that do not belong together are noticed.
fn ending(sha256: &str) -> String {
    format!(".{}.zip", &sha256[..16])
}

fn is_digest(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn digest(file: &Path) -> io::Result<(String, u64)> {
    let mut file = File::open(file)?;
    let mut hash = Sha256::new();
    let mut size = 0;
    let mut buffer = vec![0; 64 << 10];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok((hex::encode(hash.finalize()), size)),
            read => {
                hash.update(&buffer[..read]);
                size += read as u64;
            }
        }
    }
}

#[async_trait]
impl Artifacts for Objects {
    async fn put(
        &self,
        pipeline: &PipelineName,
        attempt: &AttemptId,
        name: &ArtifactName,
        file: &Path,
    ) -> Result<Artifact, PortError> {
        let this = self.clone();
        let (pipeline, attempt, name, file) =
            (pipeline.clone(), attempt.clone(), name.clone(), file.to_owned());
        let task = tokio::task::spawn_blocking(move || {
            let stored = this.store(&pipeline, &attempt, &name, &file);
            stored.map_err(|error| {
                PortError::transient(format!("store the artifact `{name}` from {}: {error}", file.display()))
            })
        });
        task.await.map_err(|error| PortError::transient(format!("store an artifact: {error}")))?
    }

    async fn fetch(&self, artifact: &Artifact, file: &Path) -> Result<(), PortError> {
        let (this, artifact, file) = (self.clone(), artifact.clone(), file.to_owned());
        let task = tokio::task::spawn_blocking(move || {
            let place = this.checked(&artifact)?;
            let copied = fs::copy(&place, &file)
                .and_then(|_| fs::set_permissions(&file, Permissions::from_mode(0o644)));
            copied.map_err(|error| {
                PortError::transient(format!("copy {} to {}: {error}", place.display(), file.display()))
            })
        });
        task.await.map_err(|error| PortError::transient(format!("fetch an artifact: {error}")))?
    }
}

#[async_trait]
impl Revisions for Objects {
    async fn keep_to(&self, attempt: &AttemptId, revision: &str) -> Result<String, PortError> {
        let kept = Self::keep_to(self, attempt, revision);
        kept.map_err(|error| PortError::transient(format!("keep {attempt} to a revision: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt() -> AttemptId {
        "2b1f0c3a-5d7e-4f60-8a91-b2c3d4e5f607/Source/Pull/1".parse().unwrap()
    }

    fn stored(folder: &Path, content: &[u8]) -> (Objects, Artifact) {
        let objects = Objects::open(&folder.join("artifacts")).unwrap();
        let file = folder.join("a.zip");
        fs::write(&file, content).unwrap();
        let (pipeline, name) = (PipelineName::new("web").unwrap(), ArtifactName::new("Out").unwrap());
        let artifact = objects.store(&pipeline, &attempt(), &name, &file).unwrap();
        assert!(!file.exists());
        (objects, artifact)
    }

    #[test]
    fn a_damaged_object_is_refused_and_replaced_by_a_sound_one() {
        let folder = tempfile::tempdir().unwrap();
        let (objects, artifact) = stored(folder.path(), b"zip");
        let place = objects.checked(&artifact).unwrap();
        assert!(fs::metadata(&place).unwrap().permissions().readonly());
        fs::remove_file(&place).unwrap();
        fs::write(&place, b"other").unwrap();
        assert!(objects.checked(&artifact).unwrap_err().message.contains("digest"));
        stored(folder.path(), b"zip");
        assert!(objects.checked(&artifact).is_ok());
    }

    #[test]
    fn what_was_not_finished_is_cleared_away() {
        let folder = tempfile::tempdir().unwrap();
        let (objects, artifact) = stored(folder.path(), b"zip");
        let name = ArtifactName::new("Out").unwrap();
        let (one, other) = (objects.incoming(&attempt(), &name), objects.incoming(&attempt(), &name));
        assert_ne!(one, other);
        fs::write(&one, b"half").unwrap();
        objects.clear_incoming().unwrap();
        assert!(!one.exists() && objects.checked(&artifact).is_ok());
    }

    #[tokio::test]
    async fn what_the_database_carries_survives_a_file_that_never_reached_the_disk() {
        let folder = tempfile::tempdir().unwrap();
        let open = || {
            let database = Arc::new(Database::open(&folder.path().join("penstock.db"), None).unwrap());
            let objects = Objects::open(&folder.path().join("artifacts")).unwrap();
            (objects.carried_by(database.clone()).unwrap(), database)
        };
        let file = folder.path().join("a.zip");
        fs::write(&file, b"zip").unwrap();
        let (pipeline, name) = (PipelineName::new("web").unwrap(), ArtifactName::new("Out").unwrap());
        let (objects, database) = open();
        let artifact = objects.store(&pipeline, &attempt(), &name, &file).unwrap();
        database.close().await;
        let place = objects.checked(&artifact).unwrap();
        for lost in ["", "half"] {
            fs::remove_file(&place).unwrap();
            if !lost.is_empty() {
                fs::write(&place, lost).unwrap();
            }
            let (objects, database) = open();
            assert_eq!(fs::read(objects.checked(&artifact).unwrap()).unwrap(), b"zip");
            database.close().await;
        }
    }

    #[tokio::test]
    async fn a_consumer_cannot_change_the_store() {
        let folder = tempfile::tempdir().unwrap();
        let (objects, artifact) = stored(folder.path(), b"zip");
        let copy = folder.path().join("copy.zip");
        objects.fetch(&artifact, &copy).await.unwrap();
        fs::write(&copy, b"changed").unwrap();
        assert_eq!(fs::read(objects.checked(&artifact).unwrap()).unwrap(), b"zip");
    }
}
