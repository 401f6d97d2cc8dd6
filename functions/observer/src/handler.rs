//! From a provider's event to the attempt that it is about, and from a source's to a delivery. The event is a hint: what is
//! true is asked of the provider, and what is newest is fetched from the source.

use std::sync::Arc;

use lambda_runtime::Error;
use penstock_app::engine::debt::Debt;
use penstock_app::port::PortError;
use penstock_app::port::queue::{Message, Queue};
use penstock_aws::locator::{Located, Locator};
use penstock_model::id::{AttemptId, PipelineName};
use penstock_model::pipeline::Category;
use penstock_model::trigger::SourceEvent;

use crate::event::{ProviderEvent, Subject};

/// Sends observations and deliveries.
pub(crate) struct Handler {
    pub(crate) locator: Locator,
    pub(crate) queue: Arc<dyn Queue>,
}

impl Handler {
    /// Does what `event` is for.
    pub(crate) async fn take(&self, event: &ProviderEvent) -> Result<(), Error> {
        if event.is_upload() { self.deliver(event).await } else { self.observe(event).await }
    }

    /// Queues the upload that `event` tells of, for whichever pipelines follow the object.
    async fn deliver(&self, event: &ProviderEvent) -> Result<(), Error> {
        let message = delivery(event)?;
        tracing::info!(upload = ?message, "an upload");
        Ok(self.queue.send(vec![message]).await?)
    }

    /// Lets the attempt be looked at that `event` is about; work of others is left alone.
    async fn observe(&self, event: &ProviderEvent) -> Result<(), Error> {
        let Some(subject) = event.subject() else {
            tracing::warn!(
                source = event.source,
                detail_type = event.detail_type,
                "an event without an id of work"
            );
            return Ok(());
        };
        let Some(found) = self.find(&subject).await? else {
            tracing::debug!(ids = ?subject.ids, "an event about work of others");
            return Ok(());
        };
        let AttemptId { execution, stage, action, number } = &found.attempt;
        tracing::info!(
            pipeline = %found.pipeline,
            %execution,
            %stage,
            %action,
            attempt = number,
            ids = ?subject.ids,
            "an event"
        );
        let hint = hint(found.pipeline, subject.category, found.attempt);
        Ok(self.queue.send(vec![hint]).await?)
    }

    async fn find(&self, subject: &Subject) -> Result<Option<Located>, PortError> {
        for id in &subject.ids {
            if let Some(found) = self.locator.find(id).await? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }
}

/// Lets the worker of `category` look at `attempt`.
pub(crate) fn hint(pipeline: PipelineName, category: Category, attempt: AttemptId) -> Message {
    Message::Debt { pipeline, category: Some(category), debt: Debt::Observe { attempt } }
}

/// Lets `transition` deliver the upload that `event` tells of. One that cannot be read goes among the dead letters in the end:
/// nobody else looks for uploads.
pub(crate) fn delivery(event: &ProviderEvent) -> Result<Message, Error> {
    let object = event.object()?;
    let delivery = object.delivery().ok_or("an upload that has neither a version nor a sequencer")?;
    Ok(Message::Delivery { delivery, event: Box::new(SourceEvent::ObjectCreated(object)), pipeline: None })
}
