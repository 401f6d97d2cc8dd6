//! Which commit of a source a pipeline carried last.

use penstock_engine::state::{Execution, ExecutionKind, PipelineState, RevisionKind};
use penstock_model::id::ActionName;
use penstock_model::time::Timestamp;
use penstock_model::trigger::{GitSource, git_sources};

use crate::error::AppError;
use crate::port::store::Store;

/// Among how many of the newest executions the commit is looked for.
const LOOK_BACK: usize = 50;

/// What is known of a source's commits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Admitted {
    /// The commit was carried.
    Commit,
    /// An execution is open that has not resolved the source yet.
    Undecided,
    /// Another one was carried last.
    Before(String),
    /// None was carried since the pipeline follows this branch.
    Nothing {
        /// Since when it does.
        since: Timestamp,
    },
}

impl Admitted {
    /// What is known of `commit`, which `source` would take.
    pub(super) async fn find(
        store: &dyn Store,
        state: &PipelineState,
        source: &GitSource,
        commit: &str,
    ) -> Result<Self, AppError> {
        let executions = store.executions(&state.name, None, LOOK_BACK).await?;
        let standard = || executions.iter().filter(|it| it.kind == ExecutionKind::Standard);
        let with_commit = || standard().filter_map(|it| Some((it, carried(it, &source.action)?)));
        if with_commit().any(|(_, known)| known == commit) {
            return Ok(Self::Commit);
        }
        if standard().any(|it| !it.status.is_terminal() && carried(it, &source.action).is_none()) {
            return Ok(Self::Undecided);
        }
        let Some((execution, base)) = with_commit().next() else {
            return Ok(Self::Nothing { since: state.created_at });
        };
        let definition = store.definition(&state.name, execution.definition).await?;
        let mut sources = definition.iter().flat_map(|definition| git_sources(definition));
        let is_same = |it: &GitSource| {
            it.action == source.action && it.repository == source.repository && it.branch == source.branch
        };
        if sources.any(|it| is_same(&it)) {
            return Ok(Self::Before(base.to_owned()));
        }
        Ok(Self::Nothing { since: state.updated_at })
    }
}

/// The commit that the execution was asked to carry, else the one that its source action found.
fn carried<'a>(execution: &'a Execution, action: &ActionName) -> Option<&'a str> {
    let asked =
        execution.overrides.iter().find(|it| it.action == *action && it.kind == RevisionKind::CommitId);
    let found = || execution.revisions.get(action).map(|revision| revision.id.as_str());
    asked.map(|it| it.value.as_str()).or_else(found)
}
