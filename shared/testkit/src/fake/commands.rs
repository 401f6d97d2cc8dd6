//! Commands whose answers are lost on their way back.

use std::sync::Arc;

use async_trait::async_trait;
use penstock_app::error::AppError;
use penstock_app::port::PortError;
use penstock_app::port::commands::{Commands, Reply};
use penstock_engine::command::{Command, DefineMode, Request};
use penstock_model::id::{CommandId, DefinitionVersion};
use penstock_model::pipeline::Pipeline;

/// What becomes of each command before the failure that its giver sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lost {
    /// It never arrives.
    Command,
    /// It is carried out; the answer never arrives.
    Answer,
    /// Somebody else rejects the approval that it is about, and it never arrives.
    Race,
}

/// Commands each of which fails, whatever became of it.
pub struct LossyCommands {
    inner: Arc<dyn Commands>,
    lost: Lost,
}

impl LossyCommands {
    /// Commands to `inner`.
    pub fn new(inner: Arc<dyn Commands>, lost: Lost) -> Arc<Self> {
        Arc::new(Self { inner, lost })
    }
}

fn lost() -> AppError {
    PortError::transient("call `transition`: the connection was reset").into()
}

#[async_trait]
impl Commands for LossyCommands {
    async fn carry_out(&self, mut command: Command) -> Result<Reply, AppError> {
        if let (Lost::Race, Request::Decide { approved, by, comment, .. }) = (self.lost, &mut command.request)
        {
            (*approved, *by, *comment) = (false, "eve".to_owned(), "no".to_owned());
        }
        if self.lost != Lost::Command {
            self.inner.carry_out(command).await?;
        }
        Err(lost())
    }

    async fn define(
        &self,
        pipeline: Pipeline,
        mode: DefineMode,
        id: CommandId,
    ) -> Result<DefinitionVersion, AppError> {
        if self.lost == Lost::Answer {
            self.inner.define(pipeline, mode, id).await?;
        }
        Err(lost())
    }
}
