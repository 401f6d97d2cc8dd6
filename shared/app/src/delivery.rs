//! From a delivery of a webhook or of a source's event to executions: which pipelines it starts and why the others do not.
//!
//! Duplicates are absorbed at admission, because an execution's id follows from its pipeline and the delivery. Nothing
//! is recorded before, so a delivery that was lost on the way does not make its repetition look like a duplicate.

use std::sync::Arc;

use penstock_engine::command::Command;
use penstock_engine::event::Fact;
use penstock_engine::state::PipelineState;
use penstock_model::id::{CommandId, DeliveryId, ExecutionId, PipelineName};
use penstock_model::pipeline::Pipeline;
use penstock_model::trigger::{Decision, GitEvent, SourceEvent, Start, decide, uploaded};
use serde::Serialize;

use crate::admission::Admission;
use crate::command_id::command_from;
use crate::error::AppError;
use crate::port::commands::Reply;
use crate::port::queue::{Message, Queue};
use crate::port::repository::Repository;
use crate::port::store::{Pipelines, Store, Unreadable};

mod asked;
mod webhook;

use asked::Asked;
pub use webhook::{Received, Webhook, WebhookRefusal};

/// Fans deliveries out to pipelines.
pub struct Deliveries {
    admission: Arc<Admission>,
    store: Arc<dyn Store>,
    repository: Arc<dyn Repository>,
    later: Option<Arc<dyn Queue>>,
}

/// What a delivery means to one pipeline. It is serialised as `name` and `started`, with `executionId` and `reason` where
/// there is one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(into = "Written")]
pub struct Answer {
    /// The pipeline.
    pub name: PipelineName,
    /// What it means there.
    pub meaning: Meaning,
}

/// What a delivery means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Meaning {
    /// It started this execution just now.
    Started(ExecutionId),
    /// An earlier copy of it started this execution.
    StartedBefore(ExecutionId),
    /// It starts nothing.
    Ignored {
        /// Why.
        reason: String,
    },
}

/// Whom a delivery has reached so far, and what to tell of those that it has not.
#[derive(Default)]
struct Reached {
    answers: Vec<Answer>,
    /// Of those that it cannot reach until somebody mends something.
    failed: Vec<Answer>,
    failure: Option<AppError>,
    /// Why all of it is to be tried again.
    again: Option<AppError>,
}

impl Reached {
    /// One that fails for good does not keep those that may start later from being tried again.
    fn fail(&mut self, name: PipelineName, error: AppError) {
        if error.is_retryable() {
            return self.repeat(error);
        }
        self.failed.push(Answer::ignored(name, error.to_string()));
        self.failure.get_or_insert(error);
    }

    fn repeat(&mut self, error: AppError) {
        self.again.get_or_insert(error);
    }

    fn told(mut self) -> Result<Vec<Answer>, AppError> {
        match (self.again, self.failure) {
            (Some(error), _) => Err(error),
            // What ails one pipeline for good is for a person to mend; the others have taken the delivery.
            (None, Some(error)) if self.answers.is_empty() => Err(error),
            (None, _) => {
                self.answers.append(&mut self.failed);
                self.answers.sort_by(|one, other| one.name.cmp(&other.name));
                Ok(self.answers)
            }
        }
    }
}

impl Answer {
    /// Whether the delivery started an execution just now.
    pub fn has_started(&self) -> bool {
        matches!(self.meaning, Meaning::Started(_))
    }

    /// The execution, started now or by an earlier copy of the delivery.
    pub fn execution(&self) -> Option<&ExecutionId> {
        match &self.meaning {
            Meaning::Started(execution) | Meaning::StartedBefore(execution) => Some(execution),
            Meaning::Ignored { .. } => None,
        }
    }

    /// Why nothing was started.
    pub fn reason(&self) -> Option<&str> {
        match &self.meaning {
            Meaning::Started(_) => None,
            Meaning::StartedBefore(_) => Some("this delivery has started it before"),
            Meaning::Ignored { reason } => Some(reason),
        }
    }

    fn ignored(name: PipelineName, reason: String) -> Self {
        Self { name, meaning: Meaning::Ignored { reason } }
    }
}

/// An answer as it is serialised.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Written {
    name: PipelineName,
    started: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    execution_id: Option<ExecutionId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

impl From<Answer> for Written {
    fn from(answer: Answer) -> Self {
        Self {
            started: answer.has_started(),
            execution_id: answer.execution().cloned(),
            reason: answer.reason().map(str::to_owned),
            name: answer.name,
        }
    }
}

impl Deliveries {
    /// Deliveries to the pipelines of `store`; sources without a repository mean `repository`.
    pub fn new(admission: Arc<Admission>, store: Arc<dyn Store>, repository: Arc<dyn Repository>) -> Self {
        Self { admission, store, repository, later: None }
    }

    /// The same, where a pipeline that a delivery cannot reach until somebody mends it gets it later by way of `queue`, in a
    /// message of its own.
    #[must_use]
    pub fn handing_over(self, queue: Arc<dyn Queue>) -> Self {
        Self { later: Some(queue), ..self }
    }

    /// Starts what `event` starts and answers for every pipeline, by name. What keeps one pipeline from it keeps no other.
    ///
    /// # Errors
    /// [`AppError::Port`] or [`AppError::Busy`]: the delivery is to be repeated as a whole; what it started already
    /// is not started again.
    pub async fn deliver(&self, delivery: &DeliveryId, event: &SourceEvent) -> Result<Vec<Answer>, AppError> {
        let Pipelines { readable, unreadable } = self.store.pipelines().await?;
        let mut reached = Reached::default();
        for pipeline in readable {
            match self.one(delivery, &pipeline, event).await {
                Ok(answer) => reached.answers.extend(answer),
                Err(error) => self.missed(&mut reached, delivery, event, pipeline.name.clone(), error).await,
            }
        }
        for Unreadable { name, error } in unreadable {
            self.missed(&mut reached, delivery, event, name, error.into()).await;
        }
        reached.told()
    }

    /// Starts what `event` starts of one pipeline; `None` if it is not there any more.
    ///
    /// # Errors
    /// As [`Self::deliver`].
    pub async fn deliver_to(
        &self,
        pipeline: &PipelineName,
        delivery: &DeliveryId,
        event: &SourceEvent,
    ) -> Result<Option<Answer>, AppError> {
        match self.store.pipeline(pipeline).await?.filter(|state| !state.deleted) {
            Some(state) => self.one(delivery, &state, event).await,
            None => Ok(None),
        }
    }

    /// Carries out a machine's start, such as of a commit of which no webhook came, if its pipeline can be performed.
    ///
    /// # Errors
    /// [`AppError::Refused`] if it cannot; else as [`Self::deliver`].
    pub async fn start_of_machine(&self, command: Command) -> Result<(), AppError> {
        if let Some(state) = self.store.pipeline(&command.pipeline).await?
            && let Some(definition) = self.store.definition(&state.name, state.definition).await?
        {
            self.admission.checked(&definition)?;
        }
        self.admission.carry_out(command).await.map(drop)
    }

    /// Gives the delivery to each pipeline in a message of its own: for one that was broken off before, as whatever breaks
    /// it off again is then that pipeline's alone.
    ///
    /// # Errors
    /// [`AppError::Port`] if the pipelines could not be listed or a message could not be sent.
    pub async fn deliver_apart(&self, delivery: &DeliveryId, event: &SourceEvent) -> Result<(), AppError> {
        let Some(queue) = &self.later else {
            return self.deliver(delivery, event).await.map(drop);
        };
        let Pipelines { readable, unreadable } = self.store.pipelines().await?;
        let names = readable.iter().map(|state| &state.name).chain(unreadable.iter().map(|it| &it.name));
        Ok(queue.send(names.map(|name| message(delivery, event, name.clone())).collect()).await?)
    }

    /// What becomes of a delivery that did not reach `name`. What passes by itself is waited for by all of the delivery, so
    /// that none that was sent later overtakes it. What lasts until somebody mends it would keep the repository's other
    /// pipelines waiting: this one gets it later, if there is a way.
    async fn missed(
        &self,
        reached: &mut Reached,
        delivery: &DeliveryId,
        event: &SourceEvent,
        name: PipelineName,
        error: AppError,
    ) {
        tracing::error!(%delivery, pipeline = %name, %error, "a delivery did not reach this pipeline");
        let Some(queue) = self.later.as_ref().filter(|_| lasts(&error)) else {
            return reached.fail(name, error);
        };
        match queue.send(vec![message(delivery, event, name.clone())]).await {
            Ok(()) => {
                reached.answers.push(Answer::ignored(name, format!("it is tried again by itself: {error}")));
            }
            // Whatever keeps it from being sent: nobody else has the delivery.
            Err(unsent) => reached.repeat(unsent.into()),
        }
    }

    async fn one(
        &self,
        delivery: &DeliveryId,
        pipeline: &PipelineState,
        event: &SourceEvent,
    ) -> Result<Option<Answer>, AppError> {
        match self.store.definition(&pipeline.name, pipeline.definition).await? {
            Some(definition) => self.answer(delivery, &definition, event).await.map(Some),
            None => Ok(None),
        }
    }

    async fn answer(
        &self,
        delivery: &DeliveryId,
        pipeline: &Pipeline,
        event: &SourceEvent,
    ) -> Result<Answer, AppError> {
        let name = &pipeline.name;
        let asked = match event {
            SourceEvent::Git(event) => self.pushed(pipeline, event).await?,
            SourceEvent::ObjectCreated(object) => uploaded(pipeline, object).map(Asked::by_upload),
        };
        let asked = match asked {
            Ok(asked) => asked,
            Err(reason) => return Ok(Answer::ignored(name.clone(), reason)),
        };
        match self.admission.checked(pipeline) {
            Ok(_) => self.start(delivery, name, asked).await,
            Err(refused) => {
                // It started before this release, or another part of the stack has been changed: nobody else says so.
                tracing::warn!(%delivery, pipeline = %name, %refused, "a pipeline that cannot be performed is not started");
                Ok(Answer::ignored(name.clone(), refused.to_string()))
            }
        }
    }

    /// What a push or a pull request asks for, or why it asks for nothing.
    async fn pushed(&self, pipeline: &Pipeline, event: &GitEvent) -> Result<Result<Asked, String>, AppError> {
        Ok(match decide(pipeline, event) {
            Decision::Ignored { reason } => Err(reason),
            Decision::Starts(start) => Ok(Asked::by_push(start)),
            Decision::NeedsRepository(start) if self.repository.contains(&start.commit).await? => {
                Ok(Asked::by_push(start))
            }
            Decision::NeedsRepository(start) => Err(not_here(&start)),
        })
    }

    async fn start(
        &self,
        delivery: &DeliveryId,
        name: &PipelineName,
        asked: Asked,
    ) -> Result<Answer, AppError> {
        let request = asked.of(delivery, name);
        let (execution, outcome) = self.admission.admit(command_id(delivery)?, request).await?;
        if let Some(rejection) = outcome.rejection {
            return Ok(Answer::ignored(name.clone(), rejection.to_string()));
        }
        let meaning = match admitted(&outcome, &execution) {
            true => Meaning::Started(execution),
            false => Meaning::StartedBefore(execution),
        };
        Ok(Answer { name: name.clone(), meaning })
    }
}

/// Whether `error` does not pass without a person: an item of a newer release waits for an update.
fn lasts(error: &AppError) -> bool {
    let is_newer = matches!(error, AppError::Port(error) if error.is_of_a_newer_release());
    is_newer || !error.is_retryable()
}

fn message(delivery: &DeliveryId, event: &SourceEvent, pipeline: PipelineName) -> Message {
    Message::Delivery { delivery: delivery.clone(), event: Box::new(event.clone()), pipeline: Some(pipeline) }
}

fn command_id(delivery: &DeliveryId) -> Result<CommandId, AppError> {
    Ok(command_from("start", &format!("delivery {delivery}"))?)
}

fn admitted(outcome: &Reply, id: &ExecutionId) -> bool {
    let is_it = |fact: &Fact| matches!(fact, Fact::ExecutionAdmitted { execution } if execution.id == *id);
    outcome.events.iter().any(|event| is_it(&event.fact))
}

fn not_here(start: &Start) -> String {
    let commit: String = start.commit.chars().take(12).collect();
    format!(
        "the repository in which Penstock was started does not contain commit {commit}; fetch it there, or name the \
         repository in the source action"
    )
}
