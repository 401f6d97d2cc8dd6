//! Which execution a retry or a rollback means that names none.

use std::sync::Arc;

use penstock_engine::rejection::Rejection;
use penstock_engine::state::{AttemptStatus, Execution, ExecutionKind, StageStatus};
use penstock_model::id::{ExecutionId, PipelineName, StageName};

use super::no_pipeline;
use crate::error::AppError;
use crate::port::store::Store;

/// How many executions are looked at, newest first.
const LOOK_BACK: usize = 500;
/// How many are read at once.
const PAGE: usize = 50;

/// The newest execution whose run of `stage` has failed, or fails as soon as the rest of its actions has ended.
pub(super) async fn latest_failed(
    store: &dyn Store,
    pipeline: &PipelineName,
    stage: &StageName,
) -> Result<ExecutionId, AppError> {
    latest(store, pipeline, stage).await?;
    let failed = |execution: &Execution| {
        stands(execution, stage, StageStatus::Failed)
            || stands(execution, stage, StageStatus::InProgress) && has_failure(execution, stage)
    };
    let found = newest(store, pipeline, None, failed).await?;
    found.map(|execution| execution.id.clone()).ok_or_else(|| {
        let reason = format!("none of the last {LOOK_BACK} executions failed there");
        Rejection::NotRetryable { stage: stage.clone(), reason }.into()
    })
}

/// The newest success in `stage` before the execution there now. After a rollback, what is there now is what was
/// brought back: another rollback goes further back instead of forth.
pub(super) async fn success_before(
    store: &dyn Store,
    pipeline: &PipelineName,
    stage: &StageName,
) -> Result<ExecutionId, AppError> {
    let none = |reason: String| AppError::from(Rejection::NotRollbackable { stage: stage.clone(), reason });
    let Some(there) = latest(store, pipeline, stage).await? else {
        return Err(none("no execution has entered it yet".to_owned()));
    };
    let before = carried(store, pipeline, &there).await?;
    let target = |execution: &Execution| {
        execution.kind == ExecutionKind::Standard && stands(execution, stage, StageStatus::Succeeded)
    };
    let found = newest(store, pipeline, Some(before), target).await?;
    found
        .map(|execution| execution.id.clone())
        .ok_or_else(|| none(format!("no execution succeeded there before {there}; name one with its id")))
}

/// The execution that entered `stage` last.
async fn latest(
    store: &dyn Store,
    pipeline: &PipelineName,
    stage: &StageName,
) -> Result<Option<ExecutionId>, AppError> {
    let state = store
        .pipeline(pipeline)
        .await?
        .filter(|state| !state.deleted)
        .ok_or_else(|| no_pipeline(pipeline))?;
    let known = state.stages.get(stage).ok_or_else(|| Rejection::StageNotFound { stage: stage.clone() })?;
    Ok(known.latest.clone())
}

/// The admission number of the execution whose revisions `there` carries.
async fn carried(store: &dyn Store, pipeline: &PipelineName, there: &ExecutionId) -> Result<u64, AppError> {
    let mut sequence = u64::MAX;
    let mut next = Some(there.clone());
    while let Some(id) = next.take() {
        let Some(execution) = store.execution(pipeline, &id).await? else {
            break;
        };
        sequence = execution.sequence;
        if let ExecutionKind::Rollback { target, .. } = &execution.kind {
            next = Some(target.clone());
        }
    }
    Ok(sequence)
}

async fn newest(
    store: &dyn Store,
    pipeline: &PipelineName,
    mut before: Option<u64>,
    wanted: impl Fn(&Execution) -> bool,
) -> Result<Option<Arc<Execution>>, AppError> {
    for _ in 0..LOOK_BACK / PAGE {
        let page = store.executions(pipeline, before, PAGE).await?;
        if let Some(found) = page.iter().find(|execution| wanted(execution)) {
            return Ok(Some(found.clone()));
        }
        let Some(last) = page.last() else { break };
        before = Some(last.sequence);
    }
    Ok(None)
}

fn has_failure(execution: &Execution, stage: &StageName) -> bool {
    let run = execution.stage(stage);
    run.is_some_and(|run| run.actions.values().any(|attempt| attempt.status == AttemptStatus::Failed))
}

fn stands(execution: &Execution, stage: &StageName, status: StageStatus) -> bool {
    execution.stage(stage).is_some_and(|run| run.status == status)
}
