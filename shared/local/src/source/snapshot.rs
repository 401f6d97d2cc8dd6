//! From a git tree, or a working tree, to a zip: straight from the object database, without a checkout.

use std::collections::{BTreeSet, HashMap};
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use git2::{ErrorCode, IndexEntryExtendedFlag, ObjectType, Oid, Repository, Status, StatusOptions, Tree};
use penstock_archive::{ArchiveError, Earlier, Writer};

use super::SourceError;

/// What went into a zip.
#[derive(Debug, Default)]
pub(super) struct Zipped {
    /// How many files.
    pub(super) files: usize,
    /// What a person should know: submodules, large files that are kept elsewhere, links that lead outside.
    pub(super) warnings: Vec<String>,
}

/// The zip of a tree and which file is which, so that the next one takes over what has not changed.
pub(super) struct Latest {
    zip: Earlier,
    files: Files,
}

/// Each file's content and mode.
type Files = HashMap<String, (Oid, u32)>;

const LFS_POINTER: &[u8] = b"version https://git-lfs.github.com/spec/";
const MODE_LINK: u32 = 0o120_000;
const MODE_EXECUTABLE: u32 = 0o100_755;

/// Writes the tree to the zip at `file`, with what has not changed since `latest`; also what the next one may take over.
pub(super) fn of_tree(
    repository: &Repository,
    tree: Oid,
    file: &Path,
    latest: Option<Latest>,
) -> Result<(Zipped, Option<Latest>), SourceError> {
    let mut zip = Zip::begin(file, latest)?;
    zip.tree(repository, &repository.find_tree(tree).map_err(lacking)?, "")?;
    let Zip { writer, done, files, latest: _ } = zip;
    let kept = writer.finish_and_keep()?;
    Ok((done, kept.map(|zip| Latest { zip, files })))
}

/// Writes the working tree's files, tracked or not but not ignored, to the zip at `file`.
pub(super) fn of_working_tree(repository: &Repository, file: &Path) -> Result<Zipped, SourceError> {
    let root = repository
        .workdir()
        .ok_or_else(|| SourceError::Configuration("a bare repository has no working tree".into()))?;
    let (mut paths, mut left_out) = (BTreeSet::new(), vec![]);
    for entry in repository.index()?.iter() {
        let path = PathBuf::from(std::ffi::OsStr::from_bytes(&entry.path));
        // A sparse checkout leaves it out; nobody deleted it.
        if entry.flags_extended & IndexEntryExtendedFlag::SKIP_WORKTREE.bits() != 0
            && root.join(&path).symlink_metadata().is_err()
        {
            left_out.push(entry);
        } else {
            paths.insert(path);
        }
    }
    for entry in repository.statuses(Some(&mut changes()))?.iter() {
        paths.insert(PathBuf::from(std::ffi::OsStr::from_bytes(entry.path_bytes())));
    }
    let mut zip = Zip::begin(file, None)?;
    for path in paths {
        zip.working_file(root, &path)?;
    }
    for entry in left_out {
        zip.blob(repository, &String::from_utf8_lossy(&entry.path), entry.id, entry.mode)?;
    }
    zip.end()
}

/// Whether the working tree differs from the checked-out commit.
pub(super) fn is_dirty(repository: &Repository) -> Result<bool, SourceError> {
    Ok(repository.workdir().is_some()
        && repository.statuses(Some(&mut changes()))?.iter().any(|entry| entry.status() != Status::CURRENT))
}

fn changes() -> StatusOptions {
    let mut options = StatusOptions::new();
    options
        .include_untracked(true)
        .recurse_untracked_dirs(true)
        .include_ignored(false)
        .exclude_submodules(true);
    options
}

/// A partial clone has commits whose files it would fetch when they are asked for, which is not done here.
fn lacking(error: git2::Error) -> SourceError {
    if error.code() != ErrorCode::NotFound {
        return error.into();
    }
    SourceError::Unavailable(format!(
        "the repository lacks files of the commit ({}): it is a partial or a damaged clone; complete it with `git fetch --refetch --no-filter`, or clone it whole",
        error.message()
    ))
}

struct Zip {
    writer: Writer,
    done: Zipped,
    /// What went in as it was, and may be taken over.
    files: Files,
    latest: Option<Latest>,
}

impl Zip {
    fn begin(file: &Path, latest: Option<Latest>) -> Result<Self, SourceError> {
        Ok(Self { writer: Writer::create(file)?, done: Zipped::default(), files: Files::new(), latest })
    }

    fn tree(&mut self, repository: &Repository, tree: &Tree<'_>, above: &str) -> Result<(), SourceError> {
        for entry in tree {
            let below =
                |name: &str| if above.is_empty() { name.to_owned() } else { format!("{above}/{name}") };
            let Ok(name) = entry.name() else {
                let name = below(&entry.name_bytes().escape_ascii().to_string());
                self.warn(&format!("`{name}` is left out: its name is not UTF-8"));
                continue;
            };
            let path = below(name);
            match entry.kind() {
                Some(ObjectType::Tree) => {
                    self.tree(repository, &repository.find_tree(entry.id()).map_err(lacking)?, &path)?;
                }
                Some(ObjectType::Commit) => self.submodule(&path)?,
                Some(ObjectType::Blob) => {
                    self.blob(repository, &path, entry.id(), entry.filemode().cast_unsigned())?;
                }
                Some(ObjectType::Any | ObjectType::Tag) | None => {}
            }
        }
        Ok(())
    }

    fn blob(&mut self, repository: &Repository, path: &str, id: Oid, mode: u32) -> Result<(), SourceError> {
        if self.take_over(path, id, mode)? {
            return Ok(());
        }
        let blob = repository.find_blob(id).map_err(lacking)?;
        if mode == MODE_LINK {
            return self.link(path, blob.content());
        }
        let warnings = self.done.warnings.len();
        let permissions = if mode == MODE_EXECUTABLE { 0o755 } else { 0o644 };
        self.file(path, permissions, blob.content().len() as u64, blob.content())?;
        // What is warned of is warned of each time.
        if self.done.warnings.len() == warnings {
            self.files.insert(path.to_owned(), (id, mode));
        }
        Ok(())
    }

    /// Adds the file as it stands in the latest zip, if it does.
    fn take_over(&mut self, path: &str, id: Oid, mode: u32) -> Result<bool, SourceError> {
        let Some(latest) = &mut self.latest else { return Ok(false) };
        if latest.files.get(path) != Some(&(id, mode)) || !self.writer.file_of(&mut latest.zip, path)? {
            return Ok(false);
        }
        self.done.files += 1;
        self.files.insert(path.to_owned(), (id, mode));
        Ok(true)
    }

    fn working_file(&mut self, root: &Path, path: &Path) -> Result<(), SourceError> {
        let place = root.join(path);
        // A tracked file that was deleted is no longer there.
        let Ok(metadata) = fs::symlink_metadata(&place) else { return Ok(()) };
        let Some(name) = path.to_str().map(|name| name.trim_end_matches('/')) else {
            let name = path.as_os_str().as_bytes().escape_ascii();
            self.warn(&format!("`{name}` is left out: its name is not UTF-8"));
            return Ok(());
        };
        if metadata.is_symlink() {
            return self.link(name, fs::read_link(&place)?.as_os_str().as_bytes());
        }
        if metadata.is_dir() {
            return self.submodule(name);
        }
        if !metadata.is_file() {
            self.warn(&format!("`{name}` is left out: it is neither a file nor a link"));
            return Ok(());
        }
        let mode = if metadata.permissions().mode() & 0o100 == 0 { 0o644 } else { 0o755 };
        let mut file = File::open(&place)?;
        let mut start = vec![];
        file.by_ref().take(LFS_POINTER.len() as u64).read_to_end(&mut start)?;
        self.file(name, mode, metadata.len(), start.as_slice().chain(file))
    }

    fn file(&mut self, path: &str, mode: u32, size: u64, content: impl Read) -> Result<(), SourceError> {
        let mut content = std::io::BufReader::new(content);
        let start = std::io::BufRead::fill_buf(&mut content)?;
        if size < 1024 && start.starts_with(LFS_POINTER) {
            self.warn(&format!("`{path}` is kept in Git LFS: the artifact holds its pointer; fetch it in the build with `git lfs`"));
        }
        self.writer.file(path, mode, size, content)?;
        self.done.files += 1;
        Ok(())
    }

    fn link(&mut self, path: &str, target: &[u8]) -> Result<(), SourceError> {
        let Ok(target) = std::str::from_utf8(target) else {
            self.warn(&format!("the link `{path}` is left out: its target is not UTF-8"));
            return Ok(());
        };
        match self.writer.link(path, target) {
            Ok(()) => self.done.files += 1,
            Err(ArchiveError::Refused { reason, .. }) => {
                self.warn(&format!("the link `{path}` is left out: {reason}"));
            }
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    fn submodule(&mut self, path: &str) -> Result<(), SourceError> {
        self.warn(&format!(
            "`{path}` is a submodule: the artifact holds an empty folder; give it a source action of its own"
        ));
        Ok(self.writer.folder(path, 0o755)?)
    }

    fn warn(&mut self, warning: &str) {
        self.done.warnings.push(warning.chars().filter(|c| !c.is_control()).collect());
    }

    fn end(self) -> Result<Zipped, SourceError> {
        self.writer.finish()?;
        Ok(self.done)
    }
}
