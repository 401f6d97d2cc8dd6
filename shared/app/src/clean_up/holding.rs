//! What a pipeline's executions need of the artifact store.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use penstock_engine::command::Request;
use penstock_engine::is_open;
use penstock_engine::state::{Execution, ExecutionKind, PipelineState, StageRun, StageStatus};
use penstock_model::id::{AttemptId, ExecutionId, PipelineName, StageName};
use penstock_model::time::Timestamp;

use super::{GRACE, plan};
use crate::error::AppError;
use crate::port::store::Store;

/// How many executions are read at once.
const PAGE: usize = 100;
/// How many executions that ended before the grace are looked at; those before are released unless the state itself
/// shows that they are needed. Only a first walk through a long history finds as many.
const LOOK_BACK: usize = 2000;
/// How many executions are read at most: one pipeline must not take all the time that a walk has, again and again.
const MOST: usize = 10_000;

/// The executions of a pipeline that have not been released, and what they need.
pub(super) struct Holding {
    state: Arc<PipelineState>,
    executions: Vec<Held>,
    /// Keys of artifacts and tokens of attempts.
    needed: HashSet<String>,
    is_complete: bool,
}

/// An execution, as far as it matters here.
pub(super) struct Held {
    pub(super) id: ExecutionId,
    pub(super) sequence: u64,
    /// Whether it is open, or began or ended a short time ago.
    pub(super) is_current: bool,
    /// The stages that it can be brought back to: it succeeded there.
    pub(super) successes: Vec<StageName>,
    /// What it brings back.
    pub(super) target: Option<ExecutionId>,
}

impl Holding {
    /// Reads what has been released before what has not, so that nothing is missed that changes meanwhile. `None` if there
    /// is no such pipeline, or if more would have to be read than is worth it.
    pub(super) async fn read(
        store: &dyn Store,
        pipeline: &PipelineName,
        now: Timestamp,
    ) -> Result<Option<Self>, AppError> {
        let Some(state) = store.pipeline(pipeline).await? else {
            return Ok(None);
        };
        let kept: Vec<ExecutionId> = state.released.kept.iter().cloned().collect();
        let below = state.released.below;
        let mut holding = Self { state, executions: vec![], needed: HashSet::new(), is_complete: true };
        let snapshot = store.load(pipeline, &kept).await?;
        let mut seen = BTreeSet::new();
        for execution in snapshot.state.executions.values() {
            seen.insert(execution.id.clone());
            holding.add(execution, now);
        }
        let is_read = holding.read_newer(store, pipeline, below, now, &mut seen).await?;
        if !is_read {
            tracing::warn!(%pipeline, "more than {MOST} executions of the last week: nothing of it is cleaned up");
        }
        Ok(is_read.then_some(holding))
    }

    /// Reads the executions from admission number `below` on, newest first; `false` if there are too many.
    async fn read_newer(
        &mut self,
        store: &dyn Store,
        pipeline: &PipelineName,
        below: u64,
        now: Timestamp,
        seen: &mut BTreeSet<ExecutionId>,
    ) -> Result<bool, AppError> {
        let (mut before, mut old) = (None, 0);
        for _ in 0..MOST / PAGE {
            let page = store.executions(pipeline, before, PAGE).await?;
            for execution in page.iter().filter(|it| it.sequence >= below) {
                if seen.insert(execution.id.clone()) {
                    self.add(execution, now);
                }
                old += usize::from(!is_current(execution, now));
            }
            match page.last() {
                Some(last) if last.sequence > below && page.len() == PAGE => before = Some(last.sequence),
                Some(_) | None => return Ok(true),
            }
            if old >= LOOK_BACK {
                self.is_complete = false;
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn add(&mut self, execution: &Execution, now: Timestamp) {
        let target = match &execution.kind {
            ExecutionKind::Standard => None,
            ExecutionKind::Rollback { target, .. } => Some(target.clone()),
        };
        self.need(&execution.id, &execution.stages);
        self.need(target.as_ref().unwrap_or(&execution.id), &execution.inherited);
        // The first stage holds the sources, which a rollback never runs.
        let has_succeeded = |run: &&StageRun| target.is_none() && run.status == StageStatus::Succeeded;
        let successes = execution.stages.iter().skip(1).filter(has_succeeded);
        let successes = successes.map(|run| run.name.clone()).collect();
        self.executions.push(Held {
            id: execution.id.clone(),
            sequence: execution.sequence,
            is_current: is_current(execution, now),
            successes,
            target,
        });
    }

    /// Also what an attempt has written and not reported yet.
    fn need(&mut self, execution: &ExecutionId, runs: &[StageRun]) {
        for run in runs {
            for (action, attempt) in &run.actions {
                self.needed.extend(attempt.artifacts.iter().map(|artifact| artifact.key.clone()));
                let (execution, stage, action) = (execution.clone(), run.name.clone(), action.clone());
                self.needed.insert(AttemptId { execution, stage, action, number: attempt.number }.token());
            }
        }
    }

    /// Whether all executions that were not released are known.
    pub(super) fn is_complete(&self) -> bool {
        self.is_complete
    }

    /// Whether an execution that was not released needs the object under `key`, which `attempt` wrote.
    pub(super) fn needs(&self, key: &str, attempt: &str) -> bool {
        self.needed.contains(attempt) || self.needed.contains(key)
    }

    /// What is to be released; `None` if nothing is to be said.
    pub(super) fn release(&self, now: Timestamp) -> Option<Request> {
        let (below, keep) = plan::release(&self.state, &self.executions);
        let kept: BTreeSet<ExecutionId> = keep.keys().cloned().collect();
        let released = &self.state.released;
        let is_news = below != released.below || kept != released.kept;
        is_news.then_some(Request::Release { below, keep, planned_at: now })
    }
}

fn is_current(execution: &Execution, now: Timestamp) -> bool {
    let ended_at = execution.ended_at.unwrap_or(now);
    is_open(execution) || now.since(execution.started_at.max(ended_at)) <= GRACE
}
