//! Which commit a source action means, and what is known of it.

use std::collections::BTreeMap;

use git2::{Commit, ErrorCode, Oid, Repository};
use penstock_app::port::provider::Work;
use penstock_model::time::Timestamp;

use super::SourceError;
use super::snapshot;

/// What a source action asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wanted {
    /// The checked-out commit.
    Head,
    /// A commit by its id.
    Commit(String),
    /// A tag.
    Tag(String),
    /// A branch here, or at `origin`.
    Branch(String),
}

/// A commit, or the files of a working tree.
#[derive(Debug)]
pub(super) struct Pinned {
    /// The commit; `None` only for a working tree without any.
    pub(super) commit: Option<Oid>,
    /// Its tree; `None`: the working tree's files.
    pub(super) tree: Option<Oid>,
    /// The message's first line.
    pub(super) summary: Option<String>,
    /// Where to see it.
    pub(super) url: Option<String>,
    /// The name of who wrote the commit; of files as they lie nobody knows.
    pub(super) author: Option<String>,
    /// The output variables.
    pub(super) variables: BTreeMap<String, String>,
}

impl Wanted {
    /// What `work` asks for: its override, else its configuration.
    pub(super) fn of(work: &Work) -> Result<Self, SourceError> {
        let configuration = &work.action.configuration;
        if let Some(asked) = &work.revision_override {
            return match asked.kind.as_str() {
                "COMMIT_ID" => Ok(Self::Commit(asked.value.clone())),
                other => Err(SourceError::Configuration(format!(
                    "a git source takes no revision override {other}, only COMMIT_ID"
                ))),
            };
        }
        let get = |key: &str| configuration.get(key).filter(|value| !value.is_empty()).cloned();
        Ok(if let Some(commit) = get("Commit") {
            Self::Commit(commit)
        } else if let Some(tag) = get("Tag") {
            Self::Tag(tag)
        } else if let Some(branch) = get("Branch").or_else(|| get("BranchName")) {
            Self::Branch(branch)
        } else {
            Self::Head
        })
    }
}

impl Pinned {
    /// What the execution carries as its revision.
    pub(super) fn revision_id(&self) -> String {
        match (self.commit, self.tree) {
            (Some(commit), Some(_)) => commit.to_string(),
            (Some(commit), None) => format!("{commit}-dirty"),
            (None, _) => "working-tree".into(),
        }
    }
}

/// Finds what is wanted; with `kept`, the commit that it was before.
pub(super) fn pin(
    repository: &Repository,
    wanted: &Wanted,
    kept: Option<&str>,
    dirty: bool,
) -> Result<Pinned, SourceError> {
    let found = match kept {
        Some(kept) => find(repository, &Wanted::Commit(kept.to_owned())),
        None => find(repository, wanted),
    };
    let commit = match found {
        Ok(commit) => commit,
        Err(SourceError::Git(error)) if error.code() == ErrorCode::UnbornBranch && dirty => {
            let variables = BTreeMap::from([
                ("CommitId".into(), "working-tree".into()),
                ("CommitMessage".into(), String::new()),
            ]);
            return Ok(Pinned {
                commit: None,
                tree: None,
                summary: Some("uncommitted files".into()),
                url: None,
                author: None,
                variables,
            });
        }
        Err(SourceError::Git(error)) if error.code() == ErrorCode::UnbornBranch => {
            let message = "the repository has no commit yet; commit something, or run with `--dirty`";
            return Err(SourceError::Unavailable(message.into()));
        }
        Err(error) => return Err(error),
    };
    let as_they_lie = dirty && *wanted == Wanted::Head && snapshot::is_dirty(repository)?;
    let origin = origin(repository);
    let url = origin.as_deref().map(|name| format!("https://github.com/{name}/commit/{}", commit.id()));
    let mut summary = commit.summary().ok().flatten().map(ToOwned::to_owned);
    if as_they_lie {
        summary = Some(format!("{} (with uncommitted changes)", summary.unwrap_or_default()));
    }
    let variables = variables(repository, &commit, wanted, origin.as_deref(), url.as_deref());
    let tree = (!as_they_lie).then(|| commit.tree_id());
    let name = String::from_utf8_lossy(commit.author().name_bytes()).into_owned();
    let author = (!as_they_lie).then_some(name);
    Ok(Pinned { commit: Some(commit.id()), tree, summary, url, author, variables })
}

fn find<'r>(repository: &'r Repository, wanted: &Wanted) -> Result<Commit<'r>, SourceError> {
    let missing = |what: String| {
        let place = repository.workdir().unwrap_or_else(|| repository.path()).display();
        move |_| {
            SourceError::Unavailable(format!(
                "the repository {place} has no {what}; fetch it (`git fetch --all --tags`) or name another"
            ))
        }
    };
    match wanted {
        Wanted::Head => Ok(repository.head()?.peel_to_commit()?),
        Wanted::Commit(id) => {
            let hex = id.len() >= 7 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
            let found = if hex {
                repository.find_commit_by_prefix(id)
            } else {
                Err(git2::Error::from_str("no commit id"))
            };
            found.map_err(missing(format!("commit `{}`", id.escape_debug())))
        }
        Wanted::Tag(tag) => {
            let found =
                repository.find_reference(&format!("refs/tags/{tag}")).and_then(|tag| tag.peel_to_commit());
            found.map_err(missing(format!("tag `{}`", tag.escape_debug())))
        }
        Wanted::Branch(branch) => {
            let here = repository.find_reference(&format!("refs/heads/{branch}"));
            let found = here.or_else(|_| repository.find_reference(&format!("refs/remotes/origin/{branch}")));
            found
                .and_then(|branch| branch.peel_to_commit())
                .map_err(missing(format!("branch `{}`", branch.escape_debug())))
        }
    }
}

fn variables(
    repository: &Repository,
    commit: &Commit<'_>,
    wanted: &Wanted,
    origin: Option<&str>,
    url: Option<&str>,
) -> BTreeMap<String, String> {
    let mut variables = BTreeMap::new();
    let mut set = |key: &str, value: String| drop(variables.insert(key.to_owned(), value));
    set("CommitId", commit.id().to_string());
    set("CommitMessage", String::from_utf8_lossy(commit.message_bytes()).trim_end().to_owned());
    set("AuthorDate", moment(commit.author().when()));
    set("CommitterDate", moment(commit.committer().when()));
    set("BranchName", branch(repository, commit, wanted));
    let folder = repository.workdir().unwrap_or_else(|| repository.path()).file_name();
    let folder = folder.map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let name = origin.and_then(|name| name.rsplit('/').next()).map_or(folder, ToOwned::to_owned);
    set("FullRepositoryName", origin.map_or_else(|| name.clone(), ToOwned::to_owned));
    set("RepositoryName", name);
    if let Some(url) = url {
        set("CommitUrl", url.to_owned());
    }
    variables
}

/// The branch that was asked for, else the checked-out one.
fn branch(repository: &Repository, commit: &Commit<'_>, wanted: &Wanted) -> String {
    if let Wanted::Branch(branch) = wanted {
        return branch.clone();
    }
    let short = |reference: &git2::Reference<'_>| reference.shorthand().ok().map(ToOwned::to_owned);
    let head = repository.head().ok();
    let at_head = head.as_ref().is_some_and(|head| head.target() == Some(commit.id()));
    let at_tip = || {
        let mut branches = repository.references_glob("refs/heads/*").ok()?.flatten();
        branches.find(|branch| branch.target() == Some(commit.id())).and_then(|branch| short(&branch))
    };
    let head = head.as_ref().and_then(short);
    let found = if at_head { head } else { at_tip().or(head) };
    found.unwrap_or_else(|| "HEAD".into())
}

/// `owner/name` of the remote `origin`, if it is at GitHub.
fn origin(repository: &Repository) -> Option<String> {
    let config = repository.config().ok()?.snapshot().ok()?;
    let url = config.get_str("remote.origin.url").ok()?;
    let path = url.strip_prefix("https://github.com/").or_else(|| url.strip_prefix("git@github.com:"))?;
    let path = path.trim_end_matches('/').trim_end_matches(".git");
    (path.split('/').count() == 2).then(|| path.to_owned())
}

fn moment(time: git2::Time) -> String {
    Timestamp(time.seconds().saturating_mul(1000)).to_string().replace(".000Z", "Z")
}
