//! Why a service's deployment failed: what ECS wrote into the service's events, and why tasks stopped.

use aws_sdk_ecs::Client;
use aws_sdk_ecs::types::{DesiredStatus, Service, Task};
use aws_smithy_types::DateTime;
use aws_smithy_types::error::display::DisplayErrorContext;
use penstock_model::plain::line;

/// How many events and how many tasks are told.
const TOLD: usize = 5;
/// What an event says that is no progress.
const TROUBLE: [&str; 5] = ["unable", "fail", "unhealthy", "stopped", "roll"];

/// Further lines for a failure's message; empty if nothing is known.
pub(super) async fn of(client: &Client, service: &Service, deployment: &str) -> String {
    let mut lines = events(service, deployment);
    lines.extend(stopped_tasks(client, service, deployment).await.unwrap_or_default());
    lines.iter().map(|line| format!("\n{line}")).collect()
}

/// The newest events that tell of trouble since the deployment began, oldest first.
fn events(service: &Service, deployment: &str) -> Vec<String> {
    let ours = service.deployments().iter().find(|it| it.id() == Some(deployment));
    let since = ours.and_then(|it| it.created_at()).map(DateTime::secs);
    let mut found: Vec<String> = service
        .events()
        .iter()
        .filter(|event| {
            let at = event.created_at().map(DateTime::secs);
            event.message().is_some_and(|text| text.contains(deployment))
                || since.is_some_and(|since| at.is_some_and(|at| at >= since))
        })
        .filter_map(|event| event.message())
        .filter(|text| TROUBLE.iter().any(|word| text.contains(word)))
        .take(TOLD)
        .map(said)
        .collect();
    found.reverse();
    found
}

/// Why the deployment's tasks stopped; `None` if the role may not look.
async fn stopped_tasks(client: &Client, service: &Service, deployment: &str) -> Option<Vec<String>> {
    let listed = client
        .list_tasks()
        .set_cluster(service.cluster_arn.clone())
        .set_service_name(service.service_name.clone())
        .desired_status(DesiredStatus::Stopped)
        .send()
        .await
        .map_err(|error| tracing::warn!(deployment, error = %DisplayErrorContext(&error), "the tasks of a failed deployment cannot be listed"))
        .ok()?;
    let arns = listed.task_arns.filter(|arns| !arns.is_empty())?;
    let described = client
        .describe_tasks()
        .set_cluster(service.cluster_arn.clone())
        .set_tasks(Some(arns))
        .send()
        .await
        .map_err(|error| tracing::warn!(deployment, error = %DisplayErrorContext(&error), "the tasks of a failed deployment cannot be read"))
        .ok()?;
    let tasks = described.tasks.unwrap_or_default();
    let ours = tasks.iter().filter(|task| task.started_by() == Some(deployment));
    Some(ours.filter_map(in_words).take(TOLD).collect())
}

fn in_words(task: &Task) -> Option<String> {
    let id = task.task_arn()?.rsplit('/').next()?;
    let mut words = format!("task {id}: {}", said(task.stopped_reason()?));
    for container in task.containers() {
        let name = container.name().unwrap_or_default();
        if let Some(code) = container.exit_code().filter(|code| *code != 0) {
            words.push_str(&format!("; {name} exited with {code}"));
        }
        if let Some(reason) = container.reason() {
            words.push_str(&format!("; {name}: {}", said(reason)));
        }
    }
    Some(words)
}

fn said(text: &str) -> String {
    line(text).chars().take(600).collect()
}

#[cfg(test)]
mod tests {
    use aws_sdk_ecs::types::{Container, Deployment, ServiceEvent};

    use super::*;

    #[test]
    fn trouble_since_the_deployment_is_told() {
        let event = |at: i64, text: &str| {
            ServiceEvent::builder().created_at(DateTime::from_secs(at)).message(text).build()
        };
        let service = Service::builder()
            .deployments(Deployment::builder().id("ecs-svc/8").created_at(DateTime::from_secs(100)).build())
            .events(event(
                130,
                "(service web) (deployment ecs-svc/8) deployment failed: tasks failed to start.",
            ))
            .events(event(120, "(service web) has started 1 tasks"))
            .events(event(110, "(service web) was unable to place a task\u{7}"))
            .events(event(90, "(service web) was unable to do something long ago"))
            .build();
        assert_eq!(
            events(&service, "ecs-svc/8"),
            [
                "(service web) was unable to place a task",
                "(service web) (deployment ecs-svc/8) deployment failed: tasks failed to start."
            ]
        );
    }

    #[test]
    fn a_task_says_why_it_stopped() {
        let task = Task::builder()
            .task_arn("arn:aws:ecs:us-east-1:1:task/c/abc")
            .stopped_reason("Essential container in task exited")
            .containers(Container::builder().name("web").exit_code(3).build())
            .build();
        assert_eq!(
            in_words(&task).as_deref(),
            Some("task abc: Essential container in task exited; web exited with 3")
        );
    }
}
