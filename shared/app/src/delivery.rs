//! From a webhook's delivery to executions: which pipelines it starts and why the others do not.
//!
//! Duplicates are absorbed at admission, because an execution's id follows from its pipeline and the delivery. Nothing
//! is recorded before, so a delivery that was lost on the way does not make its repetition look like a duplicate.

use std::collections::BTreeMap;
use std::sync::Arc;

use penstock_engine::event::Fact;
use penstock_engine::state::{PipelineState, RevisionKind, RevisionOverride, TriggerCause, TriggerKind};
use penstock_model::id::{CommandId, DeliveryId, ExecutionId, PipelineName};
use penstock_model::pipeline::Pipeline;
use penstock_model::trigger::{Decision, GitEvent, Start, decide};
use serde::Serialize;

use crate::admission::Admission;
use crate::command_id::command_from;
use crate::control::StartRequest;
use crate::error::AppError;
use crate::port::commands::Reply;
use crate::port::repository::Repository;
use crate::port::store::Store;

mod webhook;

pub use webhook::{Received, Webhook, WebhookRefusal};

/// Fans deliveries out to pipelines.
pub struct Deliveries {
    admission: Arc<Admission>,
    store: Arc<dyn Store>,
    repository: Arc<dyn Repository>,
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
        Self { admission, store, repository }
    }

    /// Starts what `event` starts and answers for every pipeline, by name.
    ///
    /// # Errors
    /// [`AppError::Port`] or [`AppError::Busy`]: the delivery is to be repeated as a whole; what it started already
    /// is not started again.
    pub async fn deliver(&self, delivery: &DeliveryId, event: &GitEvent) -> Result<Vec<Answer>, AppError> {
        let (mut answers, mut failure) = (vec![], None);
        for pipeline in self.store.pipelines().await? {
            match self.one(delivery, &pipeline, event).await {
                Ok(answer) => answers.extend(answer),
                // One that fails does not keep the others from starting, and one that fails for good does not keep
                // those that may start later from being tried again.
                Err(error) if failure.as_ref().is_none_or(|known: &AppError| !known.is_retryable()) => {
                    failure = Some(error);
                }
                Err(error) => tracing::warn!(pipeline = %pipeline.name, %error, "a delivery failed here too"),
            }
        }
        match failure {
            // What ails one pipeline for good is for a person to mend; the others have taken the delivery.
            Some(error) if !error.is_retryable() && !answers.is_empty() => {
                tracing::error!(%delivery, %error, "a delivery did not reach every pipeline");
                Ok(answers)
            }
            Some(error) => Err(error),
            None => Ok(answers),
        }
    }

    async fn one(
        &self,
        delivery: &DeliveryId,
        pipeline: &PipelineState,
        event: &GitEvent,
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
        event: &GitEvent,
    ) -> Result<Answer, AppError> {
        let name = &pipeline.name;
        let start = match decide(pipeline, event) {
            Decision::Ignored { reason } => return Ok(Answer::ignored(name.clone(), reason)),
            Decision::Starts(start) => start,
            Decision::NeedsRepository(start) if self.repository.contains(&start.commit).await? => start,
            Decision::NeedsRepository(start) => return Ok(Answer::ignored(name.clone(), not_here(&start))),
        };
        match self.admission.checked(pipeline) {
            Ok(_) => self.start(delivery, name, start).await,
            Err(refused) => Ok(Answer::ignored(name.clone(), refused.to_string())),
        }
    }

    async fn start(
        &self,
        delivery: &DeliveryId,
        name: &PipelineName,
        start: Start,
    ) -> Result<Answer, AppError> {
        let (execution, outcome) =
            self.admission.admit(command_id(delivery)?, request(delivery, name, start)).await?;
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

fn command_id(delivery: &DeliveryId) -> Result<CommandId, AppError> {
    Ok(command_from("start", &format!("delivery {delivery}"))?)
}

fn request(delivery: &DeliveryId, name: &PipelineName, start: Start) -> StartRequest {
    let pin = |action| RevisionOverride { action, kind: RevisionKind::CommitId, value: start.commit.clone() };
    StartRequest {
        pipeline: name.clone(),
        variables: BTreeMap::new(),
        overrides: start.sources.into_iter().map(pin).collect(),
        token: None,
        trigger: TriggerCause {
            kind: TriggerKind::Webhook,
            detail: start.cause,
            delivery: Some(delivery.clone()),
        },
    }
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
