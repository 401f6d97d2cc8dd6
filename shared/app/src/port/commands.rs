//! The way of people's commands to `transition`: in this process, or by a call to the function that alone may write.

use async_trait::async_trait;
use penstock_engine::command::{Command, DefineMode};
use penstock_engine::event::Event;
use penstock_engine::rejection::Rejection;
use penstock_model::id::{CommandId, DefinitionVersion};
use penstock_model::pipeline::Pipeline;
use serde::{Deserialize, Serialize};

use super::PortError;
use crate::error::AppError;

/// Gives commands to `transition` and waits for what became of them.
#[async_trait]
pub trait Commands: Send + Sync {
    /// Carries out `command`. A rejection is a reply, not an error.
    ///
    /// # Errors
    /// As [`crate::transition::Transition::carry_out`].
    async fn carry_out(&self, command: Command) -> Result<Reply, AppError>;

    /// Makes `pipeline` the latest definition of its name and says which version it became.
    ///
    /// # Errors
    /// As [`crate::transition::Transition::define`].
    async fn define(
        &self,
        pipeline: Pipeline,
        mode: DefineMode,
        id: CommandId,
    ) -> Result<DefinitionVersion, AppError>;
}

/// What became of a command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Reply {
    /// Why it was not accepted, if it was not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rejection: Option<Rejection>,
    /// Whether anything was written.
    pub changed: bool,
    /// What happened.
    #[serde(default)]
    pub events: Vec<Event>,
}

impl Reply {
    /// The reply to a command that its giver wants accepted.
    ///
    /// # Errors
    /// [`AppError::Rejected`] if it was not.
    pub fn accepted(self) -> Result<Self, AppError> {
        match self.rejection {
            Some(rejection) => Err(AppError::Rejected(rejection)),
            None => Ok(self),
        }
    }
}

/// A call of [`Commands`] as it travels to another process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "call")]
pub enum Call {
    /// [`Commands::carry_out`].
    CarryOut {
        /// The command.
        command: Box<Command>,
    },
    /// [`Commands::define`].
    Define {
        /// The definition.
        pipeline: Box<Pipeline>,
        /// Whether it must be new or known.
        mode: DefineMode,
        /// The command's id.
        id: CommandId,
    },
}

/// What came of a [`Call`] as it travels back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "answer")]
pub enum CallAnswer {
    /// What became of a command.
    Reply {
        /// The reply.
        reply: Reply,
    },
    /// The version that a definition became.
    Defined {
        /// The version.
        version: DefinitionVersion,
    },
    /// A definition that was not accepted.
    Rejected {
        /// Why.
        rejection: Rejection,
    },
    /// Others changed the same items again and again.
    Busy {
        /// In words.
        message: String,
    },
    /// Something outside failed.
    Failed {
        /// What, and what to do.
        message: String,
        /// Whether the same call may succeed later.
        retryable: bool,
    },
}

impl Call {
    /// Makes the call on `commands`.
    pub async fn make(self, commands: &dyn Commands) -> CallAnswer {
        match self {
            Self::CarryOut { command } => commands
                .carry_out(*command)
                .await
                .map_or_else(CallAnswer::from, |reply| CallAnswer::Reply { reply }),
            Self::Define { pipeline, mode, id } => commands
                .define(*pipeline, mode, id)
                .await
                .map_or_else(CallAnswer::from, |version| CallAnswer::Defined { version }),
        }
    }
}

impl From<AppError> for CallAnswer {
    fn from(error: AppError) -> Self {
        match error {
            AppError::Rejected(rejection) => Self::Rejected { rejection },
            AppError::Busy(message) => Self::Busy { message },
            AppError::Port(PortError { message, retryable }) => Self::Failed { message, retryable },
            AppError::Refused(_) | AppError::NotFound(_) => {
                Self::Failed { message: error.to_string(), retryable: false }
            }
        }
    }
}

impl CallAnswer {
    /// The reply to [`Call::CarryOut`].
    ///
    /// # Errors
    /// As [`Commands::carry_out`].
    pub fn reply(self) -> Result<Reply, AppError> {
        if let Self::Reply { reply } = self { Ok(reply) } else { Err(self.error("a reply")) }
    }

    /// The version that [`Call::Define`] led to.
    ///
    /// # Errors
    /// As [`Commands::define`].
    pub fn version(self) -> Result<DefinitionVersion, AppError> {
        if let Self::Defined { version } = self {
            Ok(version)
        } else {
            Err(self.error("a definition version"))
        }
    }

    fn error(self, expected: &str) -> AppError {
        match self {
            Self::Rejected { rejection } => AppError::Rejected(rejection),
            Self::Busy { message } => AppError::Busy(message),
            Self::Failed { message, retryable } => AppError::Port(PortError { message, retryable }),
            Self::Reply { .. } | Self::Defined { .. } => {
                PortError::permanent(format!("understand `transition`: it did not answer with {expected}; update all functions to one release"))
                    .into()
            }
        }
    }
}
