//! From a provider's event to the attempt that it is about. The event is a hint: what is true is asked of the provider.

use std::sync::Arc;

use lambda_runtime::Error;
use penstock_app::engine::debt::Debt;
use penstock_app::port::queue::{Message, Queue};
use penstock_aws::locator::Locator;
use penstock_model::pipeline::Category;
use serde::Deserialize;
use serde_json::Value;

/// An event of `EventBridge`, as far as it is looked at.
#[derive(Debug, Deserialize)]
pub(crate) struct ProviderEvent {
    source: String,
    #[serde(rename = "detail-type")]
    detail_type: String,
    #[serde(default)]
    detail: Value,
}

/// Sends observations.
pub(crate) struct Handler {
    pub(crate) locator: Locator,
    pub(crate) queue: Arc<dyn Queue>,
}

impl Handler {
    /// Lets the attempt be looked at that `event` is about; work of others is left alone.
    pub(crate) async fn observe(&self, event: &ProviderEvent) -> Result<(), Error> {
        let Some(work) = work(event) else {
            tracing::warn!(
                source = event.source,
                detail_type = event.detail_type,
                "an event without an id of work"
            );
            return Ok(());
        };
        let Some(found) = self.locator.find(&work).await? else {
            tracing::debug!(work, "an event about work of others");
            return Ok(());
        };
        tracing::info!(attempt = %found.attempt, pipeline = %found.pipeline, work, "an event");
        let message = Message::Debt {
            pipeline: found.pipeline,
            // Only sources are served elsewhere, and they report their end themselves.
            category: Some(Category::Deploy),
            debt: Debt::Observe { attempt: found.attempt },
        };
        Ok(self.queue.send(vec![message]).await?)
    }
}

/// The provider's id of the work, as the attempt's claim knows it.
fn work(event: &ProviderEvent) -> Option<String> {
    let text = |key: &str| event.detail.get(key).and_then(Value::as_str).map(str::to_owned);
    match event.source.as_str() {
        "aws.codebuild" => text("build-id").or_else(|| text("build-batch-id")).map(|arn| build_id(&arn)),
        "aws.codedeploy" | "aws.ecs" => text("deploymentId"),
        "aws.cloudformation" => text("stack-id"),
        _ => None,
    }
}

/// `project:uuid` of `arn:aws:codebuild:REGION:ACCOUNT:build/project:uuid`.
fn build_id(arn: &str) -> String {
    arn.rsplit_once('/').map_or(arn, |(_, id)| id).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(source: &str, detail: Value) -> ProviderEvent {
        ProviderEvent { source: source.to_owned(), detail_type: String::new(), detail }
    }

    #[test]
    fn each_provider_names_its_work() {
        let cases = [
            (
                "aws.codebuild",
                serde_json::json!({"build-id": "arn:aws:codebuild:eu-central-1:123456789012:build/web:8745a7a9-c340"}),
                Some("web:8745a7a9-c340"),
            ),
            ("aws.codedeploy", serde_json::json!({"deploymentId": "d-123456789"}), Some("d-123456789")),
            ("aws.ecs", serde_json::json!({"deploymentId": "ecs-svc/123"}), Some("ecs-svc/123")),
            (
                "aws.cloudformation",
                serde_json::json!({"stack-id": "arn:x", "client-request-token": "p-1"}),
                Some("arn:x"),
            ),
            ("aws.s3", serde_json::json!({}), None),
        ];
        for (source, detail, expected) in cases {
            assert_eq!(work(&event(source, detail)).as_deref(), expected, "{source}");
        }
    }
}
