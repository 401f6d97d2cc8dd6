//! Which target of a failed deployment failed first, at which lifecycle event, with the end of its script's log.

use aws_sdk_codedeploy::Client;
use aws_sdk_codedeploy::types::{
    DeploymentTarget, LifecycleEvent, LifecycleEventStatus, TargetFilterName, TargetStatus,
};
use aws_smithy_types::error::display::DisplayErrorContext;
use penstock_model::plain;

/// How many targets are looked at.
const LOOKED_AT: usize = 25;
/// How much of a log's end is told.
const MAX_TAIL: usize = 2048;

/// The first failure of `deployment` in words; `None` if there is none to be seen, or the role may not look.
pub(super) async fn first(client: &Client, deployment: &str) -> Option<String> {
    let failed = vec![TargetStatus::Failed.as_str().to_owned()];
    let listed = client
        .list_deployment_targets()
        .deployment_id(deployment)
        .target_filters(TargetFilterName::TargetStatus, failed)
        .send()
        .await
        .map_err(|error| tracing::warn!(deployment, error = %DisplayErrorContext(&error), "the targets of a failed deployment cannot be listed"))
        .ok()?;
    let ids: Vec<String> = listed.target_ids.unwrap_or_default().into_iter().take(LOOKED_AT).collect();
    if ids.is_empty() {
        return None;
    }
    let described = client
        .batch_get_deployment_targets()
        .deployment_id(deployment)
        .set_target_ids(Some(ids))
        .send()
        .await
        .map_err(|error| tracing::warn!(deployment, error = %DisplayErrorContext(&error), "the targets of a failed deployment cannot be read"))
        .ok()?;
    in_words(described.deployment_targets.as_deref().unwrap_or_default())
}

fn in_words(targets: &[DeploymentTarget]) -> Option<String> {
    let events = targets.iter().filter_map(parts).flat_map(|(target, events)| {
        events
            .iter()
            .filter(|event| event.status == Some(LifecycleEventStatus::Failed))
            .map(move |it| (target, it))
    });
    let (target, event) =
        events.min_by_key(|(_, event)| event.end_time.and_then(|moment| moment.to_millis().ok()))?;
    let mut words = format!("{} on {target}", event.lifecycle_event_name.as_deref().unwrap_or("an event"));
    if let Some(found) = &event.diagnostics {
        let code = found.error_code.as_ref().map_or("", |code| code.as_str());
        words.push_str(&format!(" ({code})"));
        for (what, text) in [("script", &found.script_name), ("message", &found.message)] {
            if let Some(text) = text.as_deref().filter(|text| !text.is_empty()) {
                words.push_str(&format!("; {what}: {text}"));
            }
        }
        if let Some(tail) = found.log_tail.as_deref().filter(|tail| !tail.is_empty()) {
            words.push_str(&format!("\n{}", end_of(tail)));
        }
    }
    Some(words)
}

fn parts(target: &DeploymentTarget) -> Option<(&str, &[LifecycleEvent])> {
    let instance =
        target.instance_target.as_ref().map(|it| (it.target_id.as_deref(), it.lifecycle_events.as_deref()));
    let function =
        target.lambda_target.as_ref().map(|it| (it.target_id.as_deref(), it.lifecycle_events.as_deref()));
    let service =
        target.ecs_target.as_ref().map(|it| (it.target_id.as_deref(), it.lifecycle_events.as_deref()));
    let (id, events) = instance.or(function).or(service)?;
    Some((id?, events?))
}

/// The last [`MAX_TAIL`] bytes, from the beginning of a character on, without control characters but line ends.
fn end_of(tail: &str) -> String {
    let start = (tail.len().saturating_sub(MAX_TAIL)..=tail.len()).find(|&at| tail.is_char_boundary(at));
    let tail = &tail[start.unwrap_or(0)..];
    plain::block(tail).into_owned()
}

#[cfg(test)]
mod tests {
    use aws_sdk_codedeploy::types::{Diagnostics, InstanceTarget, LifecycleErrorCode};
    use aws_smithy_types::DateTime;

    use super::*;

    fn failed(instance: &str, name: &str, at: i64, tail: &str) -> DeploymentTarget {
        let diagnostics = Diagnostics::builder()
            .error_code(LifecycleErrorCode::ScriptFailed)
            .script_name("scripts/start.sh")
            .message("exit code 3")
            .log_tail(tail)
            .build();
        let event = LifecycleEvent::builder()
            .lifecycle_event_name(name)
            .status(LifecycleEventStatus::Failed)
            .end_time(DateTime::from_secs(at))
            .diagnostics(diagnostics)
            .build();
        let target = InstanceTarget::builder().target_id(instance).lifecycle_events(event).build();
        DeploymentTarget::builder().instance_target(target).build()
    }

    #[test]
    fn the_first_failure_is_told_with_its_log() {
        let targets = [
            failed("i-2", "ApplicationStart", 20, "later"),
            failed("i-1", "BeforeInstall", 10, "a\u{1b}[1mb\nc"),
        ];
        assert_eq!(
            in_words(&targets).unwrap(),
            "BeforeInstall on i-1 (ScriptFailed); script: scripts/start.sh; message: exit code 3\nab\nc"
        );
        assert_eq!(in_words(&[]), None);
    }

    #[test]
    fn a_long_tail_is_cut_between_characters() {
        let tail = "ä".repeat(2000);
        assert_eq!(end_of(&tail).len(), MAX_TAIL);
        assert_eq!(end_of("short"), "short");
    }
}
