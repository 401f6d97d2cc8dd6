//! Verdicts on approvals by the name of their action, as `CodePipeline`'s API and the command line give them.

use penstock_engine::rejection::Rejection;
use penstock_engine::state::{AttemptStatus, Execution};
use penstock_model::id::{ActionName, AttemptId, ExecutionId, PipelineName, StageName};
use penstock_model::pipeline::Category;
use penstock_model::time::Timestamp;

use super::{Control, no_pipeline};
use crate::approvals::became;
use crate::error::AppError;

/// How many executions are searched for the approval that an old token belongs to, newest first.
const LOOK_BACK: usize = 200;

/// A verdict as a person gives it.
#[derive(Debug, Clone, Copy)]
pub struct GivenVerdict<'a> {
    /// Approved or rejected.
    pub approved: bool,
    /// Who decides.
    pub by: &'a str,
    /// What they say, at most 512 characters.
    pub comment: &'a str,
}

impl Control {
    /// Gives a verdict on the approval `action` of `stage` and says when it was taken. `token` is the API's token of
    /// the attempt; a local caller, who is trusted, gives none and means the one that waits.
    ///
    /// # Errors
    /// [`AppError::NotFound`] if the token belongs to no approval of this action. [`AppError::Rejected`] with
    /// `ApprovalSettled` if it was decided, expired or stopped; with `NoApproval` if the action is none or waits for
    /// none; with `Invalid` if several executions wait there and no token says which.
    pub async fn verdict(
        &self,
        pipeline: &PipelineName,
        stage: &StageName,
        action: &ActionName,
        token: Option<&str>,
        given: GivenVerdict<'_>,
    ) -> Result<Timestamp, AppError> {
        self.known_approval(pipeline, stage, action).await?;
        let waiting = self.waiting(pipeline, stage, action).await?;
        let attempt = match token {
            None => only(waiting, action)?,
            Some(token) => {
                match waiting.into_iter().find(|attempt| self.approvals.is_api_token(attempt, token)) {
                    Some(attempt) => attempt,
                    None => return Err(self.no_longer(pipeline, stage, action, token).await?),
                }
            }
        };
        self.give_verdict(pipeline, &attempt, given).await
    }

    /// Gives a verdict on the approval `action` of `stage` in `execution`, for a local caller, and says when it was taken.
    ///
    /// # Errors
    /// As [`Self::verdict`].
    pub async fn verdict_in(
        &self,
        pipeline: &PipelineName,
        execution: &ExecutionId,
        stage: &StageName,
        action: &ActionName,
        given: GivenVerdict<'_>,
    ) -> Result<Timestamp, AppError> {
        self.known_approval(pipeline, stage, action).await?;
        let mut waiting = self.waiting(pipeline, stage, action).await?;
        waiting.retain(|attempt| attempt.execution == *execution);
        let attempt = only(waiting, action)?;
        self.give_verdict(pipeline, &attempt, given).await
    }

    async fn give_verdict(
        &self,
        pipeline: &PipelineName,
        attempt: &AttemptId,
        given: GivenVerdict<'_>,
    ) -> Result<Timestamp, AppError> {
        let GivenVerdict { approved, by, comment } = given;
        self.approvals.give(pipeline, attempt, approved, by, comment).await.map(|verdict| verdict.at)
    }

    /// Whether the latest definition has such an approval, or an execution under way does.
    async fn known_approval(
        &self,
        pipeline: &PipelineName,
        stage: &StageName,
        action: &ActionName,
    ) -> Result<(), AppError> {
        let state = self.existing(pipeline).await?.ok_or_else(|| no_pipeline(pipeline))?;
        let Some(latest) = self.store.definition(pipeline, state.definition).await? else {
            return Err(no_pipeline(pipeline));
        };
        let known =
            latest.stage(stage).map(|stage| stage.action(action).map(|it| it.action_type_id.category));
        match known {
            Some(Some(Category::Approval)) => Ok(()),
            Some(Some(_)) => Err(Rejection::NoApproval { action: action.clone() }.into()),
            // An execution may pin an earlier definition that has it.
            Some(None) | None if !self.waiting(pipeline, stage, action).await?.is_empty() => Ok(()),
            Some(None) => {
                Err(Rejection::ActionNotFound { stage: stage.clone(), action: action.clone() }.into())
            }
            None => Err(Rejection::StageNotFound { stage: stage.clone() }.into()),
        }
    }

    /// The attempts of the approval that wait for a verdict.
    async fn waiting(
        &self,
        pipeline: &PipelineName,
        stage: &StageName,
        action: &ActionName,
    ) -> Result<Vec<AttemptId>, AppError> {
        let snapshot = self.store.load(pipeline, &[]).await?;
        let is_approval = |execution: &Execution| {
            let definition = snapshot.definitions.get(&execution.definition);
            let found = definition.and_then(|pipeline| pipeline.stage(stage)?.action(action));
            found.is_some_and(|action| action.action_type_id.category == Category::Approval)
        };
        let mut waiting: Vec<_> = snapshot
            .state
            .executions
            .values()
            .filter(|execution| is_approval(execution))
            .filter_map(|execution| {
                let attempt = execution.stage(stage)?.actions.get(action)?;
                let waits = attempt.status == AttemptStatus::InProgress;
                waits.then(|| (execution.sequence, execution.attempt_id(stage, action, attempt.number)))
            })
            .collect();
        waiting.sort();
        Ok(waiting.into_iter().map(|(_, attempt)| attempt).collect())
    }

    /// Why a token that fits no waiting approval is not accepted: its approval was settled, or there never was one.
    async fn no_longer(
        &self,
        pipeline: &PipelineName,
        stage: &StageName,
        action: &ActionName,
        token: &str,
    ) -> Result<AppError, AppError> {
        for execution in self.store.executions(pipeline, None, LOOK_BACK).await? {
            let Some(latest) = execution.stage(stage).and_then(|run| run.actions.get(action)) else {
                continue;
            };
            let mut attempts =
                (1..=latest.number).rev().map(|number| execution.attempt_id(stage, action, number));
            if let Some(attempt) = attempts.find(|attempt| self.approvals.is_api_token(attempt, token)) {
                let snapshot = self.store.load(pipeline, std::slice::from_ref(&execution.id)).await?;
                let outcome = became(&snapshot.state, &attempt, self.clock.now());
                let outcome = outcome.unwrap_or_else(|| "it was decided this moment".to_owned());
                return Ok(Rejection::ApprovalSettled { outcome }.into());
            }
        }
        let message =
            format!("the token belongs to no approval of `{action}`; GetPipelineState shows the current one");
        Ok(AppError::NotFound(message))
    }
}

fn only(mut waiting: Vec<AttemptId>, action: &ActionName) -> Result<AttemptId, AppError> {
    match (waiting.pop(), waiting.len()) {
        (Some(attempt), 0) => Ok(attempt),
        (Some(_), others) => {
            let problem = format!(
                "{} executions wait for a verdict on `{action}`; name one (`penstock approve … --exec ID`), or decide each by its link or token",
                others + 1
            );
            Err(Rejection::Invalid { problem }.into())
        }
        (None, _) => Err(Rejection::NoApproval { action: action.clone() }.into()),
    }
}
