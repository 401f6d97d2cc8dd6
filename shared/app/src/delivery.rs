//! From a webhook's delivery to executions: which pipelines it starts and why the others do not.
//!
//! Duplicates are absorbed at admission, because an execution's id follows from its pipeline and the delivery. Nothing
//! is recorded before, so a delivery that was lost on the way does not make its repetition look like a duplicate.

use std::collections::BTreeMap;
use std::sync::Arc;

use penstock_engine::event::Fact;
use penstock_engine::state::{PipelineState, RevisionOverride, TriggerCause};
use penstock_model::id::{CommandId, DeliveryId, ExecutionId, PipelineName};
use penstock_model::pipeline::Pipeline;
use penstock_model::trigger::{Decision, GitEvent, Start, decide};
use serde::{Deserialize, Serialize};

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

/// What a delivery means to one pipeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Answer {
    /// The pipeline.
    pub name: PipelineName,
    /// Whether the delivery started an execution just now.
    pub started: bool,
    /// The execution, started now or by an earlier copy of the delivery.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub execution_id: Option<ExecutionId>,
    /// Why nothing was started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Whether an earlier copy of the delivery started it.
    #[serde(skip)]
    pub duplicate: bool,
}

impl Answer {
    fn ignored(name: PipelineName, reason: String) -> Self {
        Self { name, started: false, execution_id: None, reason: Some(reason), duplicate: false }
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
        let started = admitted(&outcome, &execution);
        let reason = (!started).then(|| "this delivery has started it before".to_owned());
        Ok(Answer { name: name.clone(), started, execution_id: Some(execution), reason, duplicate: !started })
    }
}

fn command_id(delivery: &DeliveryId) -> Result<CommandId, AppError> {
    Ok(command_from("start", &format!("delivery {delivery}"))?)
}

fn request(delivery: &DeliveryId, name: &PipelineName, start: Start) -> StartRequest {
    let pin = |action| RevisionOverride { action, kind: "COMMIT_ID".to_owned(), value: start.commit.clone() };
    StartRequest {
        pipeline: name.clone(),
        variables: BTreeMap::new(),
        overrides: start.sources.into_iter().map(pin).collect(),
        token: None,
        trigger: TriggerCause {
            kind: "Webhook".to_owned(),
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
