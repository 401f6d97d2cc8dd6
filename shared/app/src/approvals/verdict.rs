//! Gives a verdict, and finds out what became of it where the answer does not say.

use penstock_engine::command::{Command, Request};
use penstock_engine::event::{Event, Fact};
use penstock_engine::rejection::Rejection;
use penstock_engine::state::{Attempt, Verdict};
use penstock_model::id::{AttemptId, PipelineName};

use super::{Approvals, became};
use crate::command_id::fresh_command;
use crate::error::AppError;
use crate::port::PortError;
use crate::port::commands::Reply;

impl Approvals {
    /// Gives a verdict on `attempt` and says how it was taken.
    ///
    /// # Errors
    /// [`AppError::Rejected`] if it was not accepted, and with `ApprovalSettled` if another stands. [`AppError::Port`] if
    /// it is not known whether it was taken, as its message says: `transition` fails after its commit as well, and the
    /// call of it may go on when nobody waits for its answer any more.
    pub(crate) async fn give(
        &self,
        pipeline: &PipelineName,
        attempt: &AttemptId,
        approved: bool,
        by: &str,
        comment: &str,
    ) -> Result<Verdict, AppError> {
        let given =
            Verdict { approved, by: by.to_owned(), comment: comment.to_owned(), at: self.clock.now() };
        let request = Request::Decide {
            attempt: attempt.clone(),
            approved,
            by: by.to_owned(),
            comment: comment.to_owned(),
        };
        let id = fresh_command("verdict", self.clock.as_ref())?;
        let command = Command { id, pipeline: pipeline.clone(), request };
        match self.commands.carry_out(command).await.and_then(Reply::accepted) {
            Ok(reply) => Ok(taken(&reply.events).unwrap_or(given)),
            Err(AppError::Port(error)) => self.became_of(pipeline, attempt, &given, error).await,
            Err(error) => Err(error),
        }
    }

    /// What became of the verdict `given`, whose giver got `error` instead of an answer.
    async fn became_of(
        &self,
        pipeline: &PipelineName,
        attempt: &AttemptId,
        given: &Verdict,
        error: PortError,
    ) -> Result<Verdict, AppError> {
        tracing::warn!(%attempt, %error, "a verdict got no answer; what became of it is read");
        let not_known = || PortError {
            message: format!(
                "{}; it is not known whether the verdict was taken: look at the approval before deciding again",
                error.message
            ),
            ..error.clone()
        };
        let snapshot = self.store.load(pipeline, std::slice::from_ref(&attempt.execution)).await;
        let state = snapshot.map_err(|_| not_known())?.state;
        let found = state.executions.get(&attempt.execution).and_then(|execution| execution.attempt(attempt));
        match found.and_then(|attempt| attempt.verdict.as_ref()) {
            Some(verdict) if is_the_same(verdict, given) => Ok(verdict.clone()),
            Some(verdict) => {
                Err(settled(format!("{}; the verdict that you gave was not taken", verdict.in_words())))
            }
            // It may still be taken, also when its time is over by the clock here: it was not when `transition` looked.
            None if found.is_some_and(Attempt::is_live) => Err(not_known().into()),
            None => Err(match became(&state, attempt, self.clock.now()) {
                Some(outcome) => settled(outcome),
                None => not_known().into(),
            }),
        }
    }
}

fn taken(events: &[Event]) -> Option<Verdict> {
    events.iter().find_map(|event| {
        let Fact::VerdictGiven { verdict, .. } = &event.fact else { return None };
        Some(verdict.clone())
    })
}

/// Whether two verdicts say the same; when is `transition`'s to say.
fn is_the_same(one: &Verdict, other: &Verdict) -> bool {
    (one.approved, &one.by, &one.comment) == (other.approved, &other.by, &other.comment)
}

fn settled(outcome: String) -> AppError {
    Rejection::ApprovalSettled { outcome }.into()
}
