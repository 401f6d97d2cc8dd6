//! Finds what is due or owed and wakes its pipelines: every minute, and after a crash.

use std::sync::Arc;

use penstock_engine::command::{Command, Request};
use penstock_engine::debt::Debt;
use penstock_engine::state::{AttemptStatus, Execution};
use penstock_model::id::{AttemptId, PipelineName};
use penstock_model::time::Timestamp;

use crate::command_id::command_from;
use crate::error::AppError;
use crate::port::PortError;
use crate::port::clock::Clock;
use crate::port::store::Store;
use crate::transition::Transition;

/// How often a pipeline is woken after a crash until nothing more changes.
const SETTLING: u32 = 20;

/// Wakes pipelines in which something is due.
pub struct Sweep {
    transition: Arc<Transition>,
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
}

/// What a sweep did.
#[derive(Debug, Default)]
pub struct Swept {
    /// The pipelines that were woken.
    pub woken: Vec<PipelineName>,
    /// Those that could not be, with the reason; the next sweep tries them again.
    pub failed: Vec<(PipelineName, AppError)>,
}

impl Sweep {
    /// A sweep over `store`.
    pub fn new(transition: Arc<Transition>, store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Self {
        Self { transition, store, clock }
    }

    /// Wakes the pipelines in which something is due, or, with `all_open`, in which anything is open: what they owe
    /// is sent again. One that fails does not keep the others.
    ///
    /// # Errors
    /// [`AppError::Port`] if the pipelines could not be listed.
    pub async fn run(&self, all_open: bool) -> Result<Swept, AppError> {
        let mut swept = Swept::default();
        for pipeline in self.store.due(self.clock.now(), all_open).await? {
            match self.wake(&pipeline).await {
                Ok(()) => swept.woken.push(pipeline),
                Err(error) => swept.failed.push((pipeline, error)),
            }
        }
        Ok(swept)
    }

    /// Wakes one pipeline.
    ///
    /// # Errors
    /// As [`Transition::carry_out`].
    pub async fn wake(&self, pipeline: &PipelineName) -> Result<(), AppError> {
        self.once(pipeline).await.map(drop)
    }

    /// After the only process has died: wakes every pipeline in which anything is open until nothing more changes,
    /// which sends everything owed, and asks the providers what became of all work that was under way.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub async fn recover(&self) -> Result<Swept, AppError> {
        let mut swept = Swept::default();
        for pipeline in self.store.due(self.clock.now(), true).await? {
            match self.resume(&pipeline).await {
                Ok(()) => swept.woken.push(pipeline),
                Err(error) => swept.failed.push((pipeline, error)),
            }
        }
        Ok(swept)
    }

    async fn resume(&self, pipeline: &PipelineName) -> Result<(), AppError> {
        for _ in 0..SETTLING {
            if !self.once(pipeline).await? {
                break;
            }
        }
        let snapshot = self.store.load(pipeline, &[]).await?;
        let under_way = snapshot.state.executions.values().flat_map(|execution| under_way(execution));
        let debts = under_way.map(|attempt| Debt::Observe { attempt }).collect();
        Ok(self.transition.send(pipeline, &snapshot.state, &snapshot.definitions, debts).await?)
    }

    /// Whether the wake-up changed anything.
    async fn once(&self, pipeline: &PipelineName) -> Result<bool, AppError> {
        let id = command_from("wake-up", &format!("{pipeline} {}", self.clock.now().0))?;
        let command = Command { id, pipeline: pipeline.clone(), request: Request::WakeUp };
        self.transition.carry_out(command).await.map(|outcome| outcome.reply.changed)
    }
}

/// The wake-up of `pipeline` in the minute of `now`: sent twice in it, it is the same command.
///
/// # Errors
/// None for any name; the id's form is checked.
pub fn wake_up(pipeline: &PipelineName, now: Timestamp) -> Result<Command, PortError> {
    let id = command_from("wake-up", &format!("{pipeline} minute {}", now.0 / 60_000))?;
    Ok(Command { id, pipeline: pipeline.clone(), request: Request::WakeUp })
}

/// The attempts of `execution` that a provider has taken up and that nobody has asked to end.
fn under_way(execution: &Execution) -> Vec<AttemptId> {
    let attempts =
        execution.stages.iter().flat_map(|run| run.actions.iter().map(move |(action, it)| (run, action, it)));
    attempts
        .filter(|(_, _, it)| {
            it.status == AttemptStatus::InProgress && it.external.is_some() && it.cancellation.is_none()
        })
        .map(|(run, action, it)| execution.attempt_id(&run.name, action, it.number))
        .collect()
}
