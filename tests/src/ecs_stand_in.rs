//! A stand-in for ECS with one service, whose deployments go as far as a test says: the emulators' always succeed, and
//! cannot be stopped. Requests and answers are held to the model that `botocore` ships.

mod definitions;
mod operations;

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use serde_json::{Value as Json, json};

use crate::json_service::{JsonService, held};
use crate::service_model::ServiceModel;

/// What ARNs here begin with.
const ARN: &str = "arn:aws:ecs:us-east-1:000000000000";
/// The cluster.
pub const CLUSTER: &str = "shop";
/// Its only service, which runs two tasks of the definition `web:1`.
pub const SERVICE: &str = "web";

/// The stand-in; it ends when this is dropped.
pub struct EcsStandIn {
    /// Its server: requests made, answers to lose, refusals.
    pub service: JsonService,
    state: Arc<Mutex<State>>,
}

impl EcsStandIn {
    /// Starts it, with the model out of the Python environment with the folder `programs`. The service runs
    /// `definition`, a request of `RegisterTaskDefinition`.
    ///
    /// # Panics
    /// If it cannot.
    pub fn start(programs: &Path, definition: &Json) -> Self {
        let mut state = State::default();
        let arn = state.register(definition);
        state.deployments = vec![deployment("ecs-svc/1", &arn)];
        state.deployments[0]["rolloutState"] = json!("COMPLETED");
        let state = Arc::new(Mutex::new(state));
        let model = ServiceModel::installed(programs, "ecs");
        let operations = operations::ServiceOperations(Arc::clone(&state));
        Self { service: JsonService::start(Arc::new(operations), Some(model)), state }
    }

    /// The deployment that is under way completes, and the others are no longer listed.
    pub fn complete(&self) {
        let mut state = held(&self.state);
        state.deployments.retain(|deployment| deployment["status"] == "PRIMARY");
        state.deployments[0]["rolloutState"] = json!("COMPLETED");
        if let Some(under_way) = state.service_deployments.last_mut() {
            under_way["status"] = json!("SUCCESSFUL");
        }
    }

    /// The circuit breaker ends the deployment that is under way: a task stopped with `exit_code`, and the service goes
    /// back to what it ran before.
    pub fn break_circuit(&self, reason: &str, exit_code: i64) {
        let mut state = held(&self.state);
        let failed = state.deployments[0]["id"].clone();
        state.deployments[0]["rolloutState"] = json!("FAILED");
        state.deployments[0]["rolloutStateReason"] = json!(reason);
        let event = format!("(service {SERVICE}) (deployment {failed}) deployment failed: {reason}");
        state.events.insert(0, json!({"id": "1", "createdAt": now(), "message": event}));
        state.stopped_tasks = vec![json!({
            "taskArn": format!("{ARN}:task/{CLUSTER}/0123"),
            "startedBy": failed,
            "stoppedReason": "Essential container in task exited",
            "containers": [{"name": "web", "exitCode": exit_code}],
        })];
        state.go_back();
    }

    /// The task definitions as they were registered, oldest first, each with its tags.
    pub fn definitions(&self) -> Vec<Json> {
        held(&self.state).definitions.clone()
    }

    /// The service's deployments, the newest first.
    pub fn deployments(&self) -> Vec<Json> {
        held(&self.state).deployments.clone()
    }

    /// Whether the service is deployed by ECS, by `CODE_DEPLOY`, or an `EXTERNAL` controller.
    pub fn set_controller(&self, kind: &str) {
        held(&self.state).controller = kind.to_owned();
    }
}

#[derive(Default)]
struct State {
    definitions: Vec<Json>,
    deployments: Vec<Json>,
    service_deployments: Vec<Json>,
    events: Vec<Json>,
    stopped_tasks: Vec<Json>,
    controller: String,
    begun: usize,
}

impl State {
    /// Moves the service to the definition `arn`.
    fn deploy(&mut self, arn: &str) {
        self.begun += 1;
        for deployment in &mut self.deployments {
            deployment["status"] = json!("ACTIVE");
        }
        self.deployments.insert(0, deployment(&format!("ecs-svc/{}", self.begun + 1), arn));
        self.service_deployments.push(json!({
            "serviceDeploymentArn": format!("{ARN}:service-deployment/{CLUSTER}/{SERVICE}/{}", self.begun),
            "status": "IN_PROGRESS",
            "createdAt": now(),
        }));
    }

    /// Moves the service back to the oldest definition that it still lists.
    fn go_back(&mut self) {
        let before = self.deployments.last().map(|deployment| deployment["taskDefinition"].clone());
        let before = before.and_then(|arn| arn.as_str().map(str::to_owned)).unwrap_or_default();
        let mut gone_back = deployment(&format!("ecs-svc/back-{}", self.begun), &before);
        gone_back["rolloutStateReason"] = json!("ECS deployment circuit breaker: rolling back");
        self.deployments.pop();
        for deployment in &mut self.deployments {
            deployment["status"] = json!("ACTIVE");
        }
        self.deployments.insert(0, gone_back);
    }
}

fn deployment(id: &str, arn: &str) -> Json {
    json!({
        "id": id,
        "status": "PRIMARY",
        "taskDefinition": arn,
        "rolloutState": "IN_PROGRESS",
        "desiredCount": 2,
        "pendingCount": 0,
        "runningCount": 2,
        "createdAt": now(),
    })
}

fn now() -> f64 {
    SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_secs_f64()
}
