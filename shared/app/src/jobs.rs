//! Jobs: what an invoked function is given to do, and how its answer finds the attempt.
//!
//! Whoever knows a job's id may answer it, so the id is drawn at random, and written down before the function is called:
//! a repeated call is of the same job. A continuation begins the next round, with a job of its own. What is known of a job
//! lies beside the output variables, written once: its invocation before the call, so that even the quickest answer finds
//! it, and its answer, the first of which counts.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use penstock_engine::command::{Command, Report, Request, Success};
use penstock_engine::debt::Debt;
use penstock_engine::rejection::Rejection;
use penstock_engine::state::AttemptError;
use penstock_model::pipeline::Category;
use penstock_model::variable::MAX_OUTPUT_BYTES;

use crate::dispatch::report::end_of;
use crate::error::AppError;
use crate::port::commands::Commands;
use crate::port::outputs::Outputs;
use crate::port::queue::{Message, Queue};
use crate::port::store::Store;

mod record;

pub use record::{Answer, Invocation, Job, JobId, JobRecords, OutputPlace};

/// After which time a function that has more to do is called again: it comes back to see how far something is, and calling it
/// at once it would ask all the time.
pub const CONTINUATION: Duration = Duration::from_secs(30);

/// Takes the answers of invoked functions.
pub struct Jobs {
    records: JobRecords,
    outputs: Arc<dyn Outputs>,
    store: Arc<dyn Store>,
    commands: Arc<dyn Commands>,
    queue: Arc<dyn Queue>,
}

/// Why an answer is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JobError {
    /// No function was called under this id.
    #[error("there is no such job; answer with the id of the CodePipeline.job event")]
    Unknown,
    /// It was answered otherwise, or its attempt has ended.
    #[error("the job has been settled: {0}")]
    Settled(String),
    /// The output variables are too large.
    #[error("the output variables have {0} bytes; at most {MAX_OUTPUT_BYTES} are allowed")]
    TooLarge(usize),
    /// Something else failed.
    #[error(transparent)]
    App(#[from] AppError),
}

impl Jobs {
    /// Jobs whose records lie in `outputs`; what they end is told by `commands`, and what has to be looked at by `queue`.
    pub fn new(
        outputs: Arc<dyn Outputs>,
        store: Arc<dyn Store>,
        commands: Arc<dyn Commands>,
        queue: Arc<dyn Queue>,
    ) -> Self {
        Self { records: JobRecords::new(outputs.clone()), outputs, store, commands, queue }
    }

    /// What the function was called with.
    ///
    /// # Errors
    /// [`JobError::Unknown`] if none was called under this id.
    pub async fn find(&self, id: &JobId) -> Result<Invocation, JobError> {
        self.records.invocation(id).await.map_err(AppError::from)?.ok_or(JobError::Unknown)
    }

    /// Takes the answer to a job. The same answer again is taken again. After a success with output artifacts the attempt is
    /// observed at once, by who may read them, and after a continuation in half a minute, by who may call the function again;
    /// any other answer ends the attempt at once.
    ///
    /// # Errors
    /// [`JobError`]; after [`JobError::App`] the answer is kept, and the next observation ends the attempt.
    pub async fn answer(&self, id: &JobId, answer: Answer) -> Result<(), JobError> {
        let invocation = self.find(id).await?;
        if let Answer::Succeeded { variables, .. } = &answer {
            let bytes = variables.iter().map(|(key, value)| key.len() + value.len()).sum();
            if bytes > MAX_OUTPUT_BYTES {
                return Err(JobError::TooLarge(bytes));
            }
        }
        let kept = self.records.answered(id).await.map_err(AppError::from)?;
        if kept.is_none() {
            self.check_live(&invocation).await?;
        }
        let kept = self.records.answer(id, &answer).await.map_err(AppError::from)?;
        if kept != answer {
            return Err(JobError::Settled("another answer came first".to_owned()));
        }
        let report = match answer {
            Answer::Continued { .. } => {
                let sent = self.queue.send_after(observation(invocation), CONTINUATION).await;
                return Ok(sent.map_err(AppError::from)?);
            }
            Answer::Succeeded { .. } if !invocation.outputs.is_empty() => {
                let sent = self.queue.send(vec![observation(invocation)]).await;
                return Ok(sent.map_err(AppError::from)?);
            }
            Answer::Succeeded { variables, summary } => self.success(&invocation, variables, summary).await?,
            Answer::Failed { code, message } => {
                Report::Failed { error: AttemptError::new(code, message), external: None }
            }
        };
        self.report(&invocation, report).await
    }

    async fn check_live(&self, invocation: &Invocation) -> Result<(), JobError> {
        let Invocation { pipeline, attempt, .. } = invocation;
        let execution = self.store.execution(pipeline, &attempt.execution).await.map_err(AppError::from)?;
        let live = execution
            .as_ref()
            .and_then(|execution| execution.attempt(attempt))
            .is_some_and(penstock_engine::state::Attempt::is_live);
        if live { Ok(()) } else { Err(JobError::Settled("its action has ended".to_owned())) }
    }

    async fn report(&self, invocation: &Invocation, report: Report) -> Result<(), JobError> {
        let attempt = &invocation.attempt;
        let id = end_of(attempt).map_err(AppError::from)?;
        let request = Request::Report { attempt: attempt.clone(), report };
        let command = Command { id, pipeline: invocation.pipeline.clone(), request };
        match self.commands.carry_out(command).await?.rejection {
            // The answer came again after it had ended the attempt.
            None | Some(Rejection::Stale) => Ok(()),
            Some(rejection) => Err(AppError::Rejected(rejection).into()),
        }
    }

    /// Writes the output variables first: whoever reads of the success finds them.
    async fn success(
        &self,
        invocation: &Invocation,
        variables: BTreeMap<String, String>,
        summary: Option<String>,
    ) -> Result<Report, JobError> {
        let has_variables = !variables.is_empty();
        if has_variables {
            self.outputs.put(&invocation.attempt, &variables).await.map_err(AppError::from)?;
        }
        Ok(Report::Succeeded(Box::new(Success { has_variables, summary, ..Success::default() })))
    }
}

/// Lets who called the function look at the attempt.
fn observation(Invocation { pipeline, attempt, .. }: Invocation) -> Message {
    Message::Debt { pipeline, category: Some(Category::Invoke), debt: Debt::Observe { attempt } }
}
