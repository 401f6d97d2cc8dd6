//! Whether this installation can perform a pipeline, and admitting its executions.

use std::sync::Arc;

use penstock_engine::command::{Command, Request};
use penstock_model::diagnostic::{Diagnostic, refuses};
use penstock_model::id::{CommandId, ExecutionId};
use penstock_model::pipeline::Pipeline;

use crate::control::StartRequest;
use crate::error::AppError;
use crate::port::commands::{Commands, Reply};
use crate::port::provider::Providers;

mod later;

/// Admits executions of pipelines that `providers` can perform.
pub struct Admission {
    commands: Arc<dyn Commands>,
    providers: Arc<dyn Providers>,
}

impl Admission {
    /// Executions admitted by way of `commands`.
    pub fn new(commands: Arc<dyn Commands>, providers: Arc<dyn Providers>) -> Self {
        Self { commands, providers }
    }

    /// What is to be said of a definition that this installation can perform.
    ///
    /// # Errors
    /// [`AppError::Refused`] if it cannot.
    pub fn checked(&self, pipeline: &Pipeline) -> Result<Vec<Diagnostic>, AppError> {
        let mut found = later::refuse(pipeline);
        found.extend(self.providers.refuse(pipeline));
        if refuses(&found) { Err(AppError::Refused(found)) } else { Ok(found) }
    }

    /// Carries out a command.
    pub(crate) async fn carry_out(&self, command: Command) -> Result<Reply, AppError> {
        self.commands.carry_out(command).await
    }

    /// Starts an execution under the id that follows from the command's, and says what came of it. The definition
    /// was looked at before.
    pub(crate) async fn admit(
        &self,
        id: CommandId,
        request: StartRequest,
    ) -> Result<(ExecutionId, Reply), AppError> {
        let StartRequest { pipeline, variables, overrides, token: _, trigger } = request;
        let execution = ExecutionId::derive(&pipeline, &id);
        let request = Request::Start { execution: execution.clone(), trigger, variables, overrides };
        Ok((execution, self.commands.carry_out(Command { id, pipeline, request }).await?))
    }
}
