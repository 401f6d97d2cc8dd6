//! The operations (Amazon ECS API reference).

use std::sync::{Arc, Mutex};

use serde_json::{Value as Json, json};

use super::{ARN, CLUSTER, SERVICE, State};
use crate::json_service::{Operations, Refusal, held};

pub(super) struct ServiceOperations(pub(super) Arc<Mutex<State>>);

impl Operations for ServiceOperations {
    fn carry_out(&self, operation: &str, body: &Json) -> Result<Json, Refusal> {
        let mut state = held(&self.0);
        match operation {
            "DescribeServices" => describe_services(&state, body),
            "UpdateService" => update_service(&mut state, body),
            "DescribeTaskDefinition" => state.describe(&body["taskDefinition"]),
            "ListTaskDefinitions" => Ok(state.list(body)),
            "RegisterTaskDefinition" => {
                let arn = state.register(body);
                state.describe(&json!(arn))
            }
            "ListServiceDeployments" => Ok(list_service_deployments(&state, body)),
            "StopServiceDeployment" => stop_service_deployment(&mut state, body),
            "ListTasks" => Ok(json!({"taskArns": members(&state.stopped_tasks, "taskArn")})),
            "DescribeTasks" => Ok(json!({"tasks": state.stopped_tasks})),
            other => Err(Refusal::new("UnknownOperationException", format!("no operation `{other}` here"))),
        }
    }
}

fn members(items: &[Json], name: &str) -> Vec<Json> {
    items.iter().map(|item| item[name].clone()).collect()
}

fn describe_services(state: &State, body: &Json) -> Result<Json, Refusal> {
    check_cluster(body)?;
    if body["services"] != json!([SERVICE]) {
        let arn = format!("{ARN}:service/{CLUSTER}/other");
        return Ok(json!({"services": [], "failures": [{"arn": arn, "reason": "MISSING"}]}));
    }
    Ok(json!({"services": [service(state)], "failures": []}))
}

fn service(state: &State) -> Json {
    let mut service = json!({
        "serviceArn": format!("{ARN}:service/{CLUSTER}/{SERVICE}"),
        "serviceName": SERVICE,
        "clusterArn": format!("{ARN}:cluster/{CLUSTER}"),
        "status": "ACTIVE",
        "desiredCount": 2,
        "taskDefinition": state.deployments[0]["taskDefinition"],
        "deployments": state.deployments,
        "events": state.events,
    });
    if !state.controller.is_empty() {
        service["deploymentController"] = json!({"type": state.controller});
    }
    service
}

/// The same definition without `forceNewDeployment` begins no deployment.
fn update_service(state: &mut State, body: &Json) -> Result<Json, Refusal> {
    check_cluster(body)?;
    if body["service"] != SERVICE {
        return Err(Refusal::new("ServiceNotFoundException", "Service not found."));
    }
    let wanted = &body["taskDefinition"];
    state.describe(wanted)?;
    if state.deployments[0]["taskDefinition"] != *wanted {
        state.deploy(wanted.as_str().unwrap_or_default());
    }
    Ok(json!({"service": service(state)}))
}

fn check_cluster(body: &Json) -> Result<(), Refusal> {
    if body["cluster"] == CLUSTER {
        return Ok(());
    }
    Err(Refusal::new("ClusterNotFoundException", "Cluster not found."))
}

fn list_service_deployments(state: &State, body: &Json) -> Json {
    let statuses = body["status"].as_array();
    let wanted = |it: &&Json| statuses.is_none_or(|statuses| statuses.contains(&it["status"]));
    json!({"serviceDeployments": state.service_deployments.iter().filter(wanted).collect::<Vec<_>>()})
}

fn stop_service_deployment(state: &mut State, body: &Json) -> Result<Json, Refusal> {
    let arn = &body["serviceDeploymentArn"];
    let found = state.service_deployments.iter_mut().find(|it| it["serviceDeploymentArn"] == *arn);
    let Some(found) = found else {
        return Err(Refusal::new(
            "ServiceDeploymentNotFoundException",
            "The service deployment is not found.",
        ));
    };
    if found["status"] != "IN_PROGRESS" || body["stopType"] != "ROLLBACK" {
        return Err(Refusal::new("ConflictException", "The service deployment cannot be stopped."));
    }
    found["status"] = json!("ROLLBACK_IN_PROGRESS");
    state.go_back();
    Ok(json!({"serviceDeploymentArn": arn}))
}
