//! What people ask for: through the API, a page or the command line.

use std::collections::BTreeMap;
use std::sync::Arc;

use penstock_engine::command::{Command, DefineMode, Request, RetryActions};
use penstock_engine::rejection::Rejection;
use penstock_engine::state::{PipelineState, RevisionOverride, TriggerCause, TriggerKind};
use penstock_model::diagnostic::Diagnostic;
use penstock_model::id::{CommandId, DefinitionVersion, ExecutionId, PipelineName, StageName};
use penstock_model::pipeline::Pipeline;
use penstock_model::trigger::name_branches;

use crate::admission::Admission;
use crate::approvals::Approvals;
use crate::command_id::{command_from, fresh_command};
use crate::error::AppError;
use crate::port::clock::Clock;
use crate::port::commands::{Commands, Reply};
use crate::port::store::Store;

mod default_target;
mod verdict;

pub use verdict::GivenVerdict;

/// Carries out what people ask for; each call ends when it is durable, or says why it is not accepted.
pub struct Control {
    commands: Arc<dyn Commands>,
    store: Arc<dyn Store>,
    admission: Arc<Admission>,
    approvals: Arc<Approvals>,
    clock: Arc<dyn Clock>,
    default_branch: Option<String>,
}

/// A request to start an execution.
#[derive(Debug, Clone)]
pub struct StartRequest {
    /// The pipeline.
    pub pipeline: PipelineName,
    /// Values for pipeline-level variables.
    pub variables: BTreeMap<String, String>,
    /// Source revisions to use instead of the latest.
    pub overrides: Vec<RevisionOverride>,
    /// The caller's idempotency token (`clientRequestToken`): the same token starts the same execution.
    pub token: Option<String>,
    /// What starts it.
    pub trigger: TriggerCause,
}

impl StartRequest {
    /// A start of `pipeline` by the person or program `by`, with nothing special.
    pub fn by(pipeline: PipelineName, by: &str) -> Self {
        let trigger = TriggerCause {
            kind: TriggerKind::StartPipelineExecution,
            detail: by.to_owned(),
            delivery: None,
            reference: None,
        };
        Self { pipeline, variables: BTreeMap::new(), overrides: vec![], token: None, trigger }
    }
}

/// The version that a definition became, and what is to be said of it.
pub type Defined = (DefinitionVersion, Vec<Diagnostic>);

impl Control {
    /// Control over the pipelines in `store` by way of `commands`.
    pub fn new(
        commands: Arc<dyn Commands>,
        store: Arc<dyn Store>,
        admission: Arc<Admission>,
        approvals: Arc<Approvals>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { commands, store, admission, approvals, clock, default_branch: None }
    }

    /// The same, where a hosted source that names no branch follows `branch`.
    #[must_use]
    pub fn with_default_branch(self, branch: String) -> Self {
        Self { default_branch: Some(branch), ..self }
    }

    /// The way of commands to `transition`.
    pub fn commands(&self) -> Arc<dyn Commands> {
        self.commands.clone()
    }

    /// Creates a pipeline; starts nothing. Returns its version and warnings.
    ///
    /// # Errors
    /// [`AppError::Refused`] if this installation cannot perform it; [`AppError::Rejected`] if the name is in use.
    pub async fn create(&self, pipeline: Pipeline, by: &str) -> Result<Defined, AppError> {
        self.define(pipeline, DefineMode::Create, by).await
    }

    /// Changes a pipeline: its next version. Executions under way keep theirs.
    ///
    /// # Errors
    /// As [`Self::create`]; [`AppError::Rejected`] if there is no such pipeline.
    pub async fn update(&self, pipeline: Pipeline, by: &str) -> Result<Defined, AppError> {
        self.define(pipeline, DefineMode::Update, by).await
    }

    /// Creates the pipeline, or changes it unless it is as `pipeline` says already.
    ///
    /// # Errors
    /// As [`Self::create`].
    pub async fn apply(&self, mut pipeline: Pipeline, by: &str) -> Result<Defined, AppError> {
        self.prepare(&mut pipeline);
        let Some(state) = self.existing(&pipeline.name).await? else {
            return self.create(pipeline, by).await;
        };
        let latest = self.store.definition(&state.name, state.definition).await?;
        if latest.is_some_and(|latest| *latest == pipeline) {
            return Ok((state.definition, self.admission.checked(&pipeline)?));
        }
        self.update(pipeline, by).await
    }

    /// Deletes a pipeline without open executions; its history stays.
    ///
    /// # Errors
    /// [`AppError::Rejected`] if executions are open.
    pub async fn delete(&self, pipeline: &PipelineName) -> Result<(), AppError> {
        self.ask(pipeline, "delete", Request::Delete).await.map(drop)
    }

    /// Starts an execution.
    ///
    /// # Errors
    /// [`AppError::Rejected`] if there is no such pipeline, a variable is wrong or too many executions are active;
    /// [`AppError::Refused`] if this installation cannot perform the pipeline.
    pub async fn start(&self, request: StartRequest) -> Result<ExecutionId, AppError> {
        if let Some(state) = self.existing(&request.pipeline).await?
            && let Some(definition) = self.store.definition(&state.name, state.definition).await?
        {
            self.admission.checked(&definition)?;
        }
        let id = match &request.token {
            Some(token) => command_from("start", &format!("token {token}"))?,
            None => fresh_command("start", self.clock.as_ref())?,
        };
        let (execution, outcome) = self.admission.admit(id, request).await?;
        outcome.accepted().map(|_| execution)
    }

    /// Why nothing starts `state`'s pipeline any more, with the way out: what it asks for was accepted once and cannot be
    /// performed now, or its definition cannot be read.
    pub async fn refusal(&self, state: &PipelineState) -> Option<String> {
        match self.store.definition(&state.name, state.definition).await {
            Ok(Some(definition)) => {
                self.admission.checked(&definition).err().map(|refused| refused.to_string())
            }
            Ok(None) => None,
            Err(error) => Some(error.to_string()),
        }
    }

    /// Stops an execution: waits for its running actions, or abandons them.
    ///
    /// # Errors
    /// [`AppError::Rejected`] if it has ended or is being stopped so already.
    pub async fn stop(
        &self,
        pipeline: &PipelineName,
        execution: &ExecutionId,
        abandon: bool,
        reason: &str,
        by: &str,
    ) -> Result<(), AppError> {
        let request = Request::Stop {
            execution: execution.clone(),
            abandon,
            reason: reason.to_owned(),
            by: by.to_owned(),
        };
        self.ask(pipeline, "stop", request).await.map(drop)
    }

    /// Runs a failed stage again in the same execution; by default in the one that failed there last.
    ///
    /// # Errors
    /// [`AppError::Rejected`] if nothing failed there or another execution has entered the stage since.
    pub async fn retry(
        &self,
        pipeline: &PipelineName,
        execution: Option<ExecutionId>,
        stage: &StageName,
        actions: RetryActions,
    ) -> Result<ExecutionId, AppError> {
        let execution = match execution {
            Some(execution) => execution,
            None => default_target::latest_failed(self.store.as_ref(), pipeline, stage).await?,
        };
        let request = Request::Retry { execution: execution.clone(), stage: stage.clone(), actions };
        self.ask(pipeline, "retry", request).await.map(|_| execution)
    }

    /// Runs a stage again with an earlier execution's revisions, as a new execution; by default with those of the
    /// latest success before the one there now.
    ///
    /// # Errors
    /// [`AppError::Rejected`] if there is no such success.
    pub async fn rollback(
        &self,
        pipeline: &PipelineName,
        stage: &StageName,
        target: Option<ExecutionId>,
        by: &str,
    ) -> Result<ExecutionId, AppError> {
        let target = match target {
            Some(target) => target,
            None => default_target::success_before(self.store.as_ref(), pipeline, stage).await?,
        };
        let id = fresh_command("rollback", self.clock.as_ref())?;
        let execution = ExecutionId::derive(pipeline, &id);
        let trigger = TriggerCause {
            kind: TriggerKind::ManualRollback,
            detail: by.to_owned(),
            delivery: None,
            reference: None,
        };
        let request =
            Request::Rollback { execution: execution.clone(), stage: stage.clone(), target, trigger };
        self.give(id, pipeline, request).await?.accepted().map(|_| execution)
    }

    /// Closes the inbound transition of a stage.
    ///
    /// # Errors
    /// [`AppError::Rejected`] if there is no such stage or the reason is too long.
    pub async fn disable(
        &self,
        pipeline: &PipelineName,
        stage: &StageName,
        reason: &str,
        by: &str,
    ) -> Result<(), AppError> {
        let request = Request::Disable { stage: stage.clone(), reason: reason.to_owned(), by: by.to_owned() };
        self.ask(pipeline, "disable", request).await.map(drop)
    }

    /// Opens the inbound transition of a stage.
    ///
    /// # Errors
    /// [`AppError::Rejected`] if there is no such stage.
    pub async fn enable(&self, pipeline: &PipelineName, stage: &StageName) -> Result<(), AppError> {
        self.ask(pipeline, "enable", Request::Enable { stage: stage.clone() }).await.map(drop)
    }

    async fn define(&self, mut pipeline: Pipeline, mode: DefineMode, by: &str) -> Result<Defined, AppError> {
        let found = self.admission.checked(&pipeline)?;
        self.prepare(&mut pipeline);
        let name = pipeline.name.clone();
        let id = fresh_command("define", self.clock.as_ref())?;
        let version = self.commands.define(pipeline, mode, id).await?;
        tracing::info!(pipeline = %name, %version, by, "defined");
        Ok((version, found))
    }

    /// What is stored of `pipeline`: the branch that sources follow where they name none, and no token.
    fn prepare(&self, pipeline: &mut Pipeline) {
        if let Some(branch) = &self.default_branch {
            name_branches(pipeline, branch);
        }
        pipeline.hide_tokens();
    }

    async fn ask(&self, pipeline: &PipelineName, what: &str, request: Request) -> Result<Reply, AppError> {
        self.give(fresh_command(what, self.clock.as_ref())?, pipeline, request).await?.accepted()
    }

    async fn give(
        &self,
        id: CommandId,
        pipeline: &PipelineName,
        request: Request,
    ) -> Result<Reply, AppError> {
        self.commands.carry_out(Command { id, pipeline: pipeline.clone(), request }).await
    }

    async fn existing(&self, pipeline: &PipelineName) -> Result<Option<Arc<PipelineState>>, AppError> {
        Ok(self.store.pipeline(pipeline).await?.filter(|state| !state.deleted))
    }
}

/// The rejection of a request about a pipeline that is not there.
pub(crate) fn no_pipeline(pipeline: &PipelineName) -> AppError {
    AppError::Rejected(Rejection::PipelineNotFound { pipeline: pipeline.clone() })
}
