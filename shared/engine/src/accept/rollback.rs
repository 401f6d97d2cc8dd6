//! A stage runs again with an earlier execution's revisions and artifacts, as an execution of its own.

use penstock_model::id::{ExecutionId, PipelineName, StageName};
use penstock_model::pipeline::ExecutionMode;

use super::admit::{admit, mode, waiting};
use super::{execution, existing};
use crate::draft::Draft;
use crate::plan::occupant;
use crate::rejection::Rejection;
use crate::state::{Execution, ExecutionKind, Position, StageRun, StageStatus, TriggerCause};

pub(super) struct Rollback<'a> {
    pub(super) id: &'a ExecutionId,
    pub(super) stage: &'a StageName,
    pub(super) target: &'a ExecutionId,
    pub(super) trigger: &'a TriggerCause,
}

/// The rollback pins its target's definition, so it may cross definition versions. Outside PARALLEL it is refused
/// while an execution is in the stage; for cancelled work that may still be running there it waits.
pub(super) fn rollback(
    draft: &mut Draft<'_>,
    name: &PipelineName,
    rollback: &Rollback<'_>,
) -> Result<(), Rejection> {
    if draft.execution(rollback.id).is_some() {
        return Ok(());
    }
    let pipeline = existing(draft, name)?;
    if !pipeline.stages.contains_key(rollback.stage) {
        return Err(Rejection::StageNotFound { stage: rollback.stage.clone() });
    }
    let target = execution(draft, rollback.target)?;
    let refused = |reason: String| Rejection::NotRollbackable { stage: rollback.stage.clone(), reason };
    let inherited = inherited(target, rollback.stage).map_err(refused)?;
    if pipeline.released.contains(&target.id, target.sequence) {
        return Err(refused(format!(
            "the artifacts of execution {} have been cleaned up; name a later one, or start its commit anew",
            target.id
        )));
    }
    if mode(draft, pipeline) != ExecutionMode::Parallel
        && let Some(other) = occupant(&draft.state, rollback.stage)
        && other.position != Position::Ended
    {
        return Err(refused(format!("execution {} is in it; wait for its end or stop it", other.id)));
    }
    let mut execution =
        waiting(draft, pipeline, rollback.id, target.definition, rollback.stage, rollback.trigger);
    execution.kind = ExecutionKind::Rollback { target: target.id.clone(), stage: rollback.stage.clone() };
    execution.variables.clone_from(&target.variables);
    execution.revisions.clone_from(&target.revisions);
    execution.inherited = inherited;
    admit(draft, execution)
}

/// What the target did before the stage, or why it cannot be brought back there.
fn inherited(target: &Execution, stage: &StageName) -> Result<Vec<StageRun>, String> {
    match target.kind {
        ExecutionKind::Standard => {}
        ExecutionKind::Rollback { .. } => {
            return Err(format!(
                "execution {} is a rollback itself; name the execution that it brought back",
                target.id
            ));
        }
    }
    let index =
        target.stages.iter().position(|run| run.name == *stage && run.status == StageStatus::Succeeded);
    match index {
        None => Err(format!("execution {} did not succeed there; name one that did", target.id)),
        Some(0) => Err("it is the source stage, which a rollback never runs".into()),
        Some(index) => Ok(target.stages[..index].to_vec()),
    }
}
