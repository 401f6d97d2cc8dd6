//! A stand-in for `CodeDeploy`, of which the emulators lack stopping, targets and any progress: its deployments go as far
//! as a test says. Requests and answers are held to the model that `botocore` ships.

mod operations;

use std::path::Path;
use std::sync::{Arc, Mutex};

use serde_json::{Value as Json, json};

use crate::json_service::{JsonService, held};
use crate::service_model::ServiceModel;

/// A deployment group.
#[derive(Debug, Clone)]
pub struct Group {
    /// Its application.
    pub application: String,
    /// Its name.
    pub name: String,
    /// `Server`, `Lambda` or `ECS`.
    pub platform: String,
}

/// The stand-in; it ends when this is dropped.
pub struct CodeDeployStandIn {
    /// Its server: requests made, answers to lose, refusals.
    pub service: JsonService,
    state: Arc<State>,
}

impl CodeDeployStandIn {
    /// Starts it, with the model out of the Python environment with the folder `programs`.
    ///
    /// # Panics
    /// If it cannot.
    pub fn start(programs: &Path, groups: &[Group]) -> Self {
        let state = Arc::new(State { groups: groups.to_vec(), deployments: Mutex::default() });
        let model = ServiceModel::installed(programs, "codedeploy");
        let operations = operations::DeploymentOperations(Arc::clone(&state));
        Self { service: JsonService::start(Arc::new(operations), Some(model)), state }
    }

    /// The deployments as `GetDeployment` tells of them, oldest first.
    pub fn deployments(&self) -> Vec<Json> {
        held(&self.state.deployments).iter().map(|deployment| deployment.info.clone()).collect()
    }

    /// All targets of the deployment have it.
    pub fn succeed(&self, id: &str) {
        self.change(id, |deployment| {
            deployment.info["status"] = json!("Succeeded");
            deployment.info["deploymentOverview"]["Succeeded"] = json!(2);
        });
    }

    /// The deployment fails: `targets` are those that did, as `BatchGetDeploymentTargets` tells of them.
    pub fn fail(&self, id: &str, message: &str, targets: &[Json]) {
        self.change(id, |deployment| {
            deployment.info["status"] = json!("Failed");
            deployment.info["errorInformation"] = json!({"code": "HEALTH_CONSTRAINTS", "message": message});
            deployment.targets = targets.to_vec();
        });
    }

    /// The deployment is stopped, by us or by somebody else.
    pub fn halt(&self, id: &str, message: &str) {
        self.change(id, |deployment| {
            deployment.info["status"] = json!("Stopped");
            deployment.info["errorInformation"] = json!({"code": "MANUAL_STOP", "message": message});
        });
    }

    /// Nobody knows the deployment any more.
    pub fn forget(&self, id: &str) {
        held(&self.state.deployments).retain(|deployment| deployment.info["deploymentId"] != id);
    }

    fn change(&self, id: &str, change: impl FnOnce(&mut Deployment)) {
        let mut deployments = held(&self.state.deployments);
        let found = deployments.iter_mut().find(|deployment| deployment.info["deploymentId"] == id);
        change(found.unwrap_or_else(|| panic!("there is no deployment {id}")));
    }
}

struct State {
    groups: Vec<Group>,
    deployments: Mutex<Vec<Deployment>>,
}

struct Deployment {
    /// What `GetDeployment` tells.
    info: Json,
    /// Its targets that failed.
    targets: Vec<Json>,
}
