//! Which repository and branch a source action follows.

use super::DEFAULT_BRANCH;
use crate::definition::findings::quoted;
use crate::id::ActionName;
use crate::pipeline::{Action, Category, Pipeline};
use crate::variable::{self, PIPELINE_NAMESPACE};

/// A source action as triggers see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GitSource {
    /// The action.
    pub action: ActionName,
    /// The repository's full name; `None`: the repository in which the program was started, which only the caller knows.
    pub repository: Option<String>,
    /// The branch; `None` for a source without a repository that names none: any branch.
    pub branch: Option<String>,
    /// The commit or tag to which the source is pinned, for people: ``tag `v1` ``. Pushes change nothing for it.
    pub pinned: Option<String>,
    /// Whether pushes start the pipeline without a trigger (`DetectChanges`).
    pub detects_changes: bool,
}

/// The source actions of `pipeline` that follow a git repository.
pub fn git_sources(pipeline: &Pipeline) -> Vec<GitSource> {
    let actions = pipeline.stages.iter().flat_map(|stage| &stage.actions);
    actions.filter_map(|action| git_source(pipeline, action)).collect()
}

/// Names the branch of every hosted source that names none: `branch`, where an installation has its own default.
pub fn name_branches(pipeline: &mut Pipeline, branch: &str) {
    let actions = pipeline.stages.iter_mut().flat_map(|stage| &mut stage.actions);
    for action in actions.filter(|action| action.action_type_id.category == Category::Source) {
        let key = match action.action_type_id.provider.as_str() {
            "GitHub" => "Branch",
            "CodeStarSourceConnection" => "BranchName",
            _ => continue,
        };
        let is_pinned = ["Tag", "Commit"].iter().any(|pin| action.configuration.contains_key(*pin));
        if !is_pinned && !action.configuration.contains_key(key) {
            action.configuration.insert(key.to_owned(), branch.to_owned());
        }
    }
}

fn git_source(pipeline: &Pipeline, action: &Action) -> Option<GitSource> {
    if action.action_type_id.category != Category::Source {
        return None;
    }
    let setting = |key: &str| action.configuration.get(key).map(|value| with_defaults(pipeline, value));
    let (repository, branch) = match action.action_type_id.provider.as_str() {
        "GitHub" => (
            setting("Owner").zip(setting("Repo")).map(|(owner, repo)| format!("{owner}/{repo}")),
            setting("Branch"),
        ),
        "CodeStarSourceConnection" => (setting("FullRepositoryId"), setting("BranchName")),
        "CodeCommit" => (setting("RepositoryName"), setting("BranchName")),
        "Git" => (None, setting("Branch").or_else(|| setting("BranchName"))),
        _ => return None,
    };
    let branch = branch.or_else(|| repository.is_some().then(|| DEFAULT_BRANCH.to_owned()));
    let pinned = setting("Commit").map(|commit| format!("commit {}", quoted(&commit)));
    let pinned = pinned.or_else(|| setting("Tag").map(|tag| format!("tag {}", quoted(&tag))));
    let detects_changes = !setting("DetectChanges").is_some_and(|value| value.eq_ignore_ascii_case("false"));
    Some(GitSource { action: action.name.clone(), repository, branch, pinned, detects_changes })
}

/// `text` with the pipeline's variables at their defaults; before an execution there are no other values.
pub(super) fn with_defaults(pipeline: &Pipeline, text: &str) -> String {
    let default = |reference: variable::Reference<'_>| {
        let declared = pipeline.variables.iter().find(|variable| variable.name == reference.key);
        declared.filter(|_| reference.namespace == PIPELINE_NAMESPACE)?.default_value.clone()
    };
    variable::resolve(text, default).unwrap_or_else(|_| text.to_owned())
}
