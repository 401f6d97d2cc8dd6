//! Admits executions: gives them their number and keeps their count within the limit.

use penstock_model::id::{DefinitionVersion, ExecutionId, StageName};
use penstock_model::pipeline::ExecutionMode;

use crate::draft::Draft;
use crate::event::Fact;
use crate::rejection::Rejection;
use crate::state::{
    Execution, ExecutionKind, ExecutionStatus, PipelineState, Position, SCHEMA, TriggerCause,
};

/// The most active executions of a pipeline in the modes QUEUED and PARALLEL.
pub(super) const MAX_ACTIVE: usize = 50;

/// Checks that one more execution may be active.
pub(super) fn has_room(draft: &Draft<'_>, mode: ExecutionMode) -> Result<(), Rejection> {
    let active = draft.state.executions.values().filter(|execution| !execution.status.is_terminal()).count();
    match mode {
        ExecutionMode::Queued | ExecutionMode::Parallel if active >= MAX_ACTIVE => {
            Err(Rejection::TooManyExecutions { limit: MAX_ACTIVE })
        }
        ExecutionMode::Superseded | ExecutionMode::Queued | ExecutionMode::Parallel => Ok(()),
    }
}

/// The mode of the pipeline's latest definition.
pub(super) fn mode(draft: &Draft<'_>, pipeline: &PipelineState) -> ExecutionMode {
    draft.definitions.get(&pipeline.definition).map_or_else(ExecutionMode::default, |it| it.execution_mode)
}

/// A new execution that waits before `stage`.
pub(super) fn waiting(
    draft: &Draft<'_>,
    pipeline: &PipelineState,
    id: &ExecutionId,
    definition: DefinitionVersion,
    stage: &StageName,
    trigger: &TriggerCause,
) -> Execution {
    Execution {
        schema: SCHEMA,
        id: id.clone(),
        pipeline: pipeline.name.clone(),
        definition,
        mode: mode(draft, pipeline),
        sequence: pipeline.next_sequence,
        kind: ExecutionKind::Standard,
        trigger: trigger.clone(),
        variables: [].into(),
        overrides: vec![],
        revisions: [].into(),
        status: ExecutionStatus::InProgress,
        position: Position::Waiting { stage: stage.clone(), since: draft.now },
        stop: None,
        started_at: draft.now,
        ended_at: None,
        superseded_by: None,
        stages: vec![],
        inherited: vec![],
    }
}

pub(super) fn admit(draft: &mut Draft<'_>, execution: Execution) -> Result<(), Rejection> {
    has_room(draft, execution.mode)?;
    draft.record(Fact::ExecutionAdmitted { execution: Box::new(execution) });
    Ok(())
}
