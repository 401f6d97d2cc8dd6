//! Commands by a synchronous call of the `transition` function, which alone may write state.

use async_trait::async_trait;
use aws_sdk_lambda::Client;
use aws_sdk_lambda::config::Builder;
use aws_sdk_lambda::config::retry::RetryConfig;
use aws_sdk_lambda::config::timeout::TimeoutConfig;
use aws_sdk_lambda::primitives::Blob;
use penstock_app::engine::command::{Command, DefineMode};
use penstock_app::error::AppError;
use penstock_app::port::PortError;
use penstock_app::port::commands::{Call, CallAnswer, Commands, Reply};
use penstock_model::id::{CommandId, DefinitionVersion};
use penstock_model::pipeline::Pipeline;

use crate::error::port_error;
use crate::sdk::Sdk;

/// The `transition` function.
#[derive(Debug, Clone)]
pub struct RemoteTransition {
    client: Client,
    function: String,
}

impl RemoteTransition {
    /// The function of this name or ARN.
    ///
    /// A call is made once: a person's stop or retry that was carried out although its answer was lost must not be
    /// given a second time behind their back.
    pub fn new(sdk: &Sdk, function: String) -> Self {
        let config = Builder::from(sdk.config())
            .interceptor(sdk.interceptor())
            .retry_config(RetryConfig::disabled())
            // The only try has all the time that there is.
            .timeout_config(
                TimeoutConfig::builder().disable_read_timeout().disable_operation_attempt_timeout().build(),
            )
            .build();
        Self { client: Client::from_conf(config), function }
    }

    async fn call(&self, call: &Call) -> Result<CallAnswer, PortError> {
        let payload = serde_json::to_vec(call)
            .map_err(|error| PortError::permanent(format!("encode a command: {error}")))?;
        let answered = self
            .client
            .invoke()
            .function_name(&self.function)
            .payload(Blob::new(payload))
            .send()
            .await
            .map_err(|error| port_error("call `transition`", &error))?;
        let payload = answered.payload.map(Blob::into_inner).unwrap_or_default();
        if let Some(kind) = answered.function_error {
            let said = String::from_utf8_lossy(&payload).into_owned();
            return Err(PortError::transient(format!(
                "carry out the command: `transition` ended with {kind}: {said}; see its log, then look whether the command took effect before giving it again"
            )));
        }
        serde_json::from_slice(&payload).map_err(|error| {
            if error.is_eof() {
                return PortError::transient(
                    "understand `transition`: its answer broke off; look whether the command took effect before giving it again",
                );
            }
            PortError::permanent(format!(
                "understand `transition`: {error}; update all functions to one release"
            ))
        })
    }
}

#[async_trait]
impl Commands for RemoteTransition {
    async fn carry_out(&self, command: Command) -> Result<Reply, AppError> {
        self.call(&Call::CarryOut { command: Box::new(command) }).await?.reply()
    }

    async fn define(
        &self,
        pipeline: Pipeline,
        mode: DefineMode,
        id: CommandId,
    ) -> Result<DefinitionVersion, AppError> {
        self.call(&Call::Define { pipeline: Box::new(pipeline), mode, id }).await?.version()
    }
}
