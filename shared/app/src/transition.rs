//! The only writer of state: loads, asks the engine, commits on versions, sends what the new state owes.
//!
//! A command is acknowledged only after its last step. Whatever fails in between, the same command again finds the
//! state as it is and sends everything that is owed: the state is the outbox.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use penstock_engine::command::{Command, DefineMode, Request};
use penstock_engine::debt::Debt;
use penstock_engine::rejection::Rejection;
use penstock_engine::state::{Definitions, State};
use penstock_engine::{Decision, decide, to_send};
use penstock_model::id::{AttemptId, CommandId, DefinitionVersion, ExecutionId, PipelineName};
use penstock_model::pipeline::{Category, Pipeline};
use penstock_model::time::Timestamp;
use tokio::sync::{OwnedMutexGuard, watch};

use crate::command_id::command_from;
use crate::dispatch::anticipation::Anticipation;
use crate::error::AppError;
use crate::port::PortError;
use crate::port::clock::Clock;
use crate::port::commands::{Commands, Reply};
use crate::port::queue::{Message, Queue};
use crate::port::store::{CommitError, Snapshot, Store};

mod commit;
mod turns;

use turns::Turns;

/// How often a command is decided anew when others changed the same items first.
pub const TRIES: u32 = 12;
/// The longest pause between two of these tries.
const LONGEST_PAUSE: Duration = Duration::from_millis(200);

/// Carries out commands. One load and one commit each; nothing else writes state.
pub struct Transition {
    store: Arc<dyn Store>,
    queue: Arc<dyn Queue>,
    clock: Arc<dyn Clock>,
    changes: watch::Sender<u64>,
    turns: Option<Turns>,
    anticipation: Option<Anticipation>,
}

/// What a command led to.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// What its giver is told.
    pub reply: Reply,
    /// The state after it.
    pub state: State,
}

/// A definition version that a commit adds.
type Addition = (DefinitionVersion, Arc<Pipeline>);

impl Transition {
    /// Commands on `store`, what they owe sent to `queue`.
    pub fn new(store: Arc<dyn Store>, queue: Arc<dyn Queue>, clock: Arc<dyn Clock>) -> Self {
        Self { store, queue, clock, changes: watch::Sender::new(0), turns: None, anticipation: None }
    }

    /// Lets commands to one pipeline take turns: for an installation whose only writer this is, where a conflict is
    /// certain to be of its own making.
    #[must_use]
    pub fn taking_turns(self) -> Self {
        Self { turns: Some(Turns::default()), ..self }
    }

    /// Lets providers make ready while a commit is under way: for an installation whose providers are in this process.
    #[must_use]
    pub fn anticipating(self, anticipation: Anticipation) -> Self {
        Self { anticipation: Some(anticipation), ..self }
    }

    async fn turn(&self, pipeline: &PipelineName) -> Option<OwnedMutexGuard<()>> {
        match &self.turns {
            Some(turns) => Some(turns.next(pipeline).await),
            None => None,
        }
    }

    /// A counter that grows with each commit of this process.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Carries out `command`. A rejection is an outcome, not an error.
    ///
    /// # Errors
    /// [`AppError::Busy`] if others kept changing the same items; [`AppError::Port`] if the store or the queue
    /// failed, in which case the same command is to be given again (nothing is lost, nothing done twice), or, not
    /// retryable, if the command could not be decided and was quarantined.
    pub async fn carry_out(&self, command: Command) -> Result<Outcome, AppError> {
        let named: Vec<ExecutionId> = command.request.named().into_iter().cloned().collect();
        let _turn = self.turn(&command.pipeline).await;
        for attempt in 0..TRIES {
            pause(attempt, &command.id).await;
            let snapshot = self.store.load(&command.pipeline, &named).await?;
            if let Some(outcome) = self.attempt(snapshot, &command, None).await? {
                return Ok(outcome);
            }
        }
        Err(busy(&command.pipeline))
    }

    /// Makes `pipeline` the latest definition of its name and says which version it became.
    ///
    /// # Errors
    /// As [`Self::carry_out`]; [`AppError::Rejected`] if `mode` does not fit what is there.
    pub async fn define(
        &self,
        pipeline: Pipeline,
        mode: DefineMode,
        id: CommandId,
    ) -> Result<DefinitionVersion, AppError> {
        let pipeline = Arc::new(pipeline);
        let _turn = self.turn(&pipeline.name).await;
        for attempt in 0..TRIES {
            pause(attempt, &id).await;
            let mut snapshot = self.store.load(&pipeline.name, &[]).await?;
            let version = next_version(&snapshot.state);
            snapshot.definitions.insert(version, pipeline.clone());
            let request = Request::Define { version, mode };
            let command = Command { id: id.clone(), pipeline: pipeline.name.clone(), request };
            if let Some(outcome) = self.attempt(snapshot, &command, Some((version, pipeline.clone()))).await?
            {
                return outcome.reply.accepted().map(|_| version);
            }
        }
        Err(busy(&pipeline.name))
    }

    /// Gives `command` to the queue, to be carried out later.
    pub(crate) async fn hand_over(&self, command: Command) -> Result<(), PortError> {
        self.queue.send(vec![Message::Command { command }]).await
    }

    /// Decides, commits and sends once; `None` if another change came first.
    async fn attempt(
        &self,
        snapshot: Snapshot,
        command: &Command,
        addition: Option<Addition>,
    ) -> Result<Option<Outcome>, AppError> {
        let now = self.clock.now();
        let decision = self.decide(&snapshot.definitions, &snapshot.state, command, now).await?;
        let (decision, now) = self.with_what_is_done_ahead(&snapshot, decision, now).await;
        let owed = to_send(&snapshot.state, &decision, now);
        let changed = !decision.events.is_empty();
        if changed {
            let commit = commit::compose(&snapshot, &decision, command, addition, now);
            let committed = self.store.commit(commit);
            let anticipated = self.anticipate(&decision.state, &snapshot.definitions, &owed);
            // The commit first: it takes longest.
            let (committed, ()) = tokio::join!(biased; committed, anticipated);
            match committed {
                Ok(()) => self.changes.send_modify(|count| *count += 1),
                Err(CommitError::Conflict) => return Ok(None),
                Err(CommitError::Port(error)) => return Err(error.into()),
            }
        }
        self.send(&command.pipeline, &decision.state, &snapshot.definitions, owed).await?;
        let Decision { events, state, rejection, unfinished: _ } = decision;
        Ok(Some(Outcome { reply: Reply { rejection, changed, events }, state }))
    }

    /// `decision` and, decided on what it leads to, the reports of what was done ahead of its commit; and when that was.
    /// What does not fit, or fails, is owed, and carried out again.
    async fn with_what_is_done_ahead(
        &self,
        before: &Snapshot,
        mut decision: Decision,
        now: Timestamp,
    ) -> (Decision, Timestamp) {
        let Some(anticipation) = &self.anticipation else { return (decision, now) };
        let owed = to_send(&before.state, &decision, now);
        let mut at = now;
        for ended in anticipation.ahead(&before.state, &decision.state, &before.definitions, &owed).await {
            let then = now.max(self.clock.now());
            let next = self.decide(&before.definitions, &decision.state, &ended.report, then).await;
            if let Ok(next) = next
                && let Some(both) = decision.then(next)
                && anticipation.keep(&ended).await.is_ok()
            {
                (decision, at) = (both, then);
            }
        }
        (decision, at)
    }

    async fn anticipate(&self, state: &State, definitions: &Definitions, owed: &[Debt]) {
        if let Some(anticipation) = &self.anticipation {
            anticipation.tell(state, definitions, owed).await;
        }
    }

    /// What the engine says; a panic quarantines the command so that it never blocks those behind it.
    async fn decide(
        &self,
        definitions: &Definitions,
        state: &State,
        command: &Command,
        now: Timestamp,
    ) -> Result<Decision, AppError> {
        let decided = catch_unwind(AssertUnwindSafe(|| decide(definitions, state, command, now)));
        match decided {
            Ok(decision) => Ok(decision),
            Err(panic) => {
                let reason = format!("deciding panicked: {}", said(panic.as_ref()));
                let what = serde_json::to_string(command).unwrap_or_else(|_| command.id.to_string());
                self.store.quarantine(&what, &reason).await?;
                tracing::error!(command = %command.id, pipeline = %command.pipeline, reason, "a command was put aside");
                let problem = format!("carry out {}: {reason}; the command was put aside", command.id);
                Err(Rejection::Invalid { problem }.into())
            }
        }
    }

    /// Sends `owed`, which is of executions in `state`.
    pub(crate) async fn send(
        &self,
        pipeline: &PipelineName,
        state: &State,
        definitions: &Definitions,
        owed: Vec<Debt>,
    ) -> Result<(), PortError> {
        if owed.is_empty() {
            return Ok(());
        }
        let message = |debt: Debt| match attempt_of(&debt).cloned() {
            Some(attempt) => Ok(Message::Debt {
                pipeline: pipeline.clone(),
                category: category(state, definitions, &attempt),
                debt,
            }),
            None => Ok(Message::Command { command: self.go_on(pipeline)? }),
        };
        self.queue.send(owed.into_iter().map(message).collect::<Result<_, PortError>>()?).await
    }

    /// The wake-up that goes on where deciding stopped at its limit.
    fn go_on(&self, pipeline: &PipelineName) -> Result<Command, PortError> {
        let id = command_from("go-on", &format!("{pipeline} {}", self.clock.now().0))?;
        Ok(Command { id, pipeline: pipeline.clone(), request: Request::WakeUp })
    }
}

#[async_trait]
impl Commands for Transition {
    async fn carry_out(&self, command: Command) -> Result<Reply, AppError> {
        Self::carry_out(self, command).await.map(|outcome| outcome.reply)
    }

    async fn define(
        &self,
        pipeline: Pipeline,
        mode: DefineMode,
        id: CommandId,
    ) -> Result<DefinitionVersion, AppError> {
        Self::define(self, pipeline, mode, id).await
    }
}

/// The attempt that a debt is about.
pub(crate) fn attempt_of(debt: &Debt) -> Option<&AttemptId> {
    match debt {
        Debt::Dispatch { attempt } | Debt::Cancel { attempt } | Debt::Observe { attempt } => Some(attempt),
        Debt::GoOn => None,
    }
}

fn category(state: &State, definitions: &Definitions, attempt: &AttemptId) -> Option<Category> {
    let execution = state.executions.get(&attempt.execution)?;
    let action = definitions.get(&execution.definition)?.stage(&attempt.stage)?.action(&attempt.action)?;
    Some(action.action_type_id.category)
}

fn next_version(state: &State) -> DefinitionVersion {
    DefinitionVersion(state.pipeline.as_ref().map_or(0, |pipeline| pipeline.definition.0) + 1)
}

fn busy(pipeline: &PipelineName) -> AppError {
    AppError::Busy(format!("`{pipeline}` is being changed by others without a pause; try again"))
}

fn said(panic: &(dyn std::any::Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("without a message")
}

/// Lets others finish: not at first, then twice as long each time, a little different for each command.
async fn pause(attempt: u32, command: &CommandId) {
    match attempt {
        0 => {}
        1..=3 => tokio::task::yield_now().await,
        _ => {
            let spread: u32 = command.as_str().bytes().map(u32::from).sum::<u32>() % 8;
            let pause = Duration::from_micros(u64::from((8 + spread) << attempt.min(16)));
            tokio::time::sleep(pause.min(LONGEST_PAUSE)).await;
        }
    }
}
