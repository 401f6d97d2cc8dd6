//! Messages to the workers. At least once, in any order: correctness rests on the state's versions.

use std::time::Duration;

use async_trait::async_trait;
use penstock_engine::command::Command;
use penstock_engine::debt::Debt;
use penstock_model::id::{DeliveryId, PipelineName};
use penstock_model::pipeline::Category;
use penstock_model::trigger::SourceEvent;
use serde::{Deserialize, Serialize};

use super::PortError;

/// The way to the workers.
#[async_trait]
pub trait Queue: Send + Sync {
    /// Sends all of `messages`; one that fails fails the call, and the whole is sent again later.
    async fn send(&self, messages: Vec<Message>) -> Result<(), PortError>;

    /// Sends `message`, something owed, to arrive after `pause`, at most a quarter of an hour. Where nothing waits, as in a
    /// test, it arrives at once.
    async fn send_after(&self, message: Message, pause: Duration) -> Result<(), PortError> {
        tracing::debug!(?pause, "a queue without pauses");
        self.send(vec![message]).await
    }
}

/// What is sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "type")]
pub enum Message {
    /// A command of a machine, for `transition`; its group is the pipeline.
    Command {
        /// The command.
        command: Command,
    },
    /// Something owed, for the worker of its category.
    Debt {
        /// The pipeline.
        pipeline: PipelineName,
        /// The category of the attempt's action; `None` for [`Debt::GoOn`].
        category: Option<Category>,
        /// What is owed.
        debt: Debt,
    },
    /// A delivery of a webhook or of a source's event, for `transition` to fan out; its group is the repository or the object.
    Delivery {
        /// The delivery.
        delivery: DeliveryId,
        /// What happened in the repository or the bucket.
        event: Box<SourceEvent>,
        /// The one pipeline that it is still to reach; then its group is that pipeline. A release that knows no such
        /// field delivers to all, which repeats nothing.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pipeline: Option<PipelineName>,
    },
}
