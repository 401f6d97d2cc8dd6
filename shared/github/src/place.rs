//! What a source action asks for: a repository, and in it a branch, a tag or a commit.

use penstock_app::port::PortError;
use penstock_model::pipeline::Action;
use penstock_model::trigger::DEFAULT_BRANCH;

use crate::api::Repository;

/// What git calls the state of a clone that is on no branch.
const NO_BRANCH: &str = "HEAD";

/// Where an action's files are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    /// The repository.
    pub(crate) repository: Repository,
    /// The branch that the execution is told of.
    pub(crate) branch: String,
    /// What is fetched, as GitHub's API takes it.
    pub(crate) reference: String,
}

impl Place {
    /// What `action` asks for. `Commit` goes before `Tag`, and `Tag` before the branch, as for a clone on one machine.
    pub(crate) fn of(action: &Action) -> Result<Self, PortError> {
        let repository = repository(action)?;
        let branch = value(action, "BranchName").or_else(|| value(action, "Branch"));
        let on_no_branch = || branch.unwrap_or(NO_BRANCH).to_owned();
        Ok(match (value(action, "Commit"), value(action, "Tag")) {
            (Some(commit), _) => Self { repository, branch: on_no_branch(), reference: commit_id(commit)? },
            (None, Some(tag)) => {
                Self { repository, branch: on_no_branch(), reference: format!("tags/{tag}") }
            }
            (None, None) => {
                let branch = branch.unwrap_or(DEFAULT_BRANCH).to_owned();
                // Without the prefix a tag of the same name could be meant.
                Self { repository, reference: format!("heads/{branch}"), branch }
            }
        })
    }
}

/// The repository that an action's configuration names.
pub(crate) fn repository(action: &Action) -> Result<Repository, PortError> {
    let value = |key| value(action, key);
    let full_name = match (value("FullRepositoryId"), value("Owner"), value("Repo")) {
        (Some(full_name), _, _) => full_name.to_owned(),
        (None, Some(owner), Some(repo)) => format!("{owner}/{repo}"),
        (None, _, _) => {
            return Err(PortError::permanent(
                "find the repository: the configuration names none (Owner and Repo)",
            ));
        }
    };
    Repository::new(&full_name).ok_or_else(|| {
        PortError::permanent(format!("find the repository: `{}` is no owner/name", full_name.escape_debug()))
    })
}

/// GitHub would take a branch's name as well, which is not what a pinned source means.
pub(crate) fn commit_id(text: &str) -> Result<String, PortError> {
    if (7..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(text.to_owned());
    }
    Err(PortError::permanent(format!(
        "find the commit: `{}` is no commit id; write its hexadecimal digits, at least 7, or name the branch or `Tag` instead",
        text.escape_debug()
    )))
}

fn value<'a>(action: &'a Action, key: &str) -> Option<&'a str> {
    action.configuration.get(key).map(String::as_str).filter(|value| !value.is_empty())
}
