//! The inbound transition of a stage is closed or opened.

use penstock_model::id::{PipelineName, StageName};

use super::{at_most, existing};
use crate::draft::Draft;
use crate::event::Fact;
use crate::rejection::Rejection;
use crate::state::{Disabled, StageState};

/// Closing it again with the same words changes nothing.
pub(super) fn disable(
    draft: &mut Draft<'_>,
    name: &PipelineName,
    stage: &StageName,
    reason: &str,
    by: &str,
) -> Result<(), Rejection> {
    let state = known(draft, name, stage)?;
    let unchanged = state.disabled.as_ref().is_some_and(|it| it.reason == reason && it.by == by);
    if is_first(draft, stage) {
        return Err(no_transition(stage, "disable"));
    }
    at_most(300, "reason", reason)?;
    if !unchanged {
        let disabled = Disabled { reason: reason.into(), by: by.into(), at: draft.now };
        draft.record(Fact::TransitionDisabled { stage: stage.clone(), disabled });
    }
    Ok(())
}

/// Opening an open one changes nothing. One that was closed before its stage became the first can be opened.
pub(super) fn enable(draft: &mut Draft<'_>, name: &PipelineName, stage: &StageName) -> Result<(), Rejection> {
    if known(draft, name, stage)?.disabled.is_some() {
        draft.record(Fact::TransitionEnabled { stage: stage.clone() });
    } else if is_first(draft, stage) {
        return Err(no_transition(stage, "enable"));
    }
    Ok(())
}

fn no_transition(stage: &StageName, what: &str) -> Rejection {
    let problem = format!("stage `{stage}` is the first and has no inbound transition; {what} a later one");
    Rejection::Invalid { problem }
}

fn known<'a>(
    draft: &'a Draft<'_>,
    name: &PipelineName,
    stage: &StageName,
) -> Result<&'a StageState, Rejection> {
    let missing = || Rejection::StageNotFound { stage: stage.clone() };
    existing(draft, name)?.stages.get(stage).ok_or_else(missing)
}

fn is_first(draft: &Draft<'_>, stage: &StageName) -> bool {
    let latest = draft.state.pipeline.as_ref().and_then(|it| draft.definitions.get(&it.definition));
    latest.and_then(|it| it.stages.first()).is_some_and(|first| first.name == *stage)
}
