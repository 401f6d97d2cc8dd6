//! The roles of an ECS service's tasks: whoever registers a task definition hands them on, so the action's role has to be
//! allowed to pass them. They are read where they stand today, in the task definition that the service runs.
//!
//! Amazon ECS developer guide, "Amazon ECS task definition parameters" (`taskRoleArn`, `executionRoleArn`); IAM user guide,
//! "Granting a user permissions to pass a role to an AWS service".

use std::collections::BTreeSet;

use penstock_aws::sdk::Sdk;
use penstock_aws::trust::Roles;
use penstock_model::pipeline::Action;
use serde_json::{Value as Json, json};

use super::needs::{Need, Where, known};
use super::role::{self, Lack};
use crate::aws::ask::{self, Answer, Service};

const CODEDEPLOY: Service = Service { signing: "codedeploy", host: "codedeploy", id: "CODEDEPLOY" };
const ECS: Service = Service { signing: "ecs", host: "ecs", id: "ECS" };
/// Whom the roles are passed to.
const TASKS: &str = "ecs-tasks.amazonaws.com";
/// What is lost where a template names the role; what it names is only known when it is read.
const TEMPLATE: &str = "a task definition template that names this role, as the service's definition does now, cannot be registered";

/// What `role` lacks to register a task definition with the roles of the one that runs. Whether what the action names is
/// there is said where its presence is looked for. Only in the account that these credentials are of.
pub(super) async fn lacks(
    sdk: &Sdk,
    roles: &Roles,
    action: &Action,
    place: &Where,
    role: &str,
) -> anyhow::Result<Vec<Lack>> {
    let looking = Looking { sdk, region: &place.region };
    let (services, without) = match action.action_type_id.provider.as_str() {
        "ECS" => {
            let named = (known(action, "ClusterName").to_owned(), known(action, "ServiceName").to_owned());
            (Ok(vec![named]), None)
        }
        "CodeDeployToECS" => (looking.services_of_group(action).await?, Some(TEMPLATE)),
        _ => return Ok(vec![]),
    };
    let passed = match services {
        Ok(services) => looking.roles_of(&services).await?,
        Err(unseen) => Err(unseen),
    };
    let Ok(passed) = passed.as_ref() else {
        return Ok(passed.err().into_iter().flatten().map(Lack::Unknown).collect());
    };
    let mut lacks = vec![];
    for passed in passed {
        let need = Need { without, ..Need::pass(passed, TASKS) };
        lacks.extend(role::lacking(roles, role, &need).await?);
    }
    Ok(lacks)
}

/// What was found, or, if whoever looks may not, what to tell of it.
type Seen<T> = anyhow::Result<Result<T, Option<String>>>;

struct Looking<'a> {
    sdk: &'a Sdk,
    region: &'a str,
}

impl Looking<'_> {
    /// The clusters and services that the deployment group of `action` deploys to.
    async fn services_of_group(&self, action: &Action) -> Seen<Vec<(String, String)>> {
        let (application, group) = (known(action, "ApplicationName"), known(action, "DeploymentGroupName"));
        if application == "*" || group == "*" {
            return Ok(Ok(vec![]));
        }
        let input = json!({ "applicationName": application, "deploymentGroupName": group });
        let target = ("1.1", "CodeDeploy_20141006.GetDeploymentGroup");
        let answer = ask::json(self.sdk, CODEDEPLOY, self.region, target, &input).await?;
        Ok(seen(&answer, "codedeploy:GetDeploymentGroup").map(|body| {
            let services = body["deploymentGroupInfo"]["ecsServices"].as_array().into_iter().flatten();
            let text = |value: &Json| value.as_str().unwrap_or("*").to_owned();
            services.map(|it| (text(&it["clusterName"]), text(&it["serviceName"]))).collect()
        }))
    }

    /// The roles that the tasks of `services` have.
    async fn roles_of(&self, services: &[(String, String)]) -> Seen<BTreeSet<String>> {
        let mut roles = BTreeSet::new();
        for (cluster, service) in
            services.iter().filter(|(cluster, service)| cluster != "*" && service != "*")
        {
            let input = json!({ "cluster": cluster, "services": [service] });
            let answer = self.ecs("DescribeServices", &input).await?;
            let definitions = match seen(&answer, "ecs:DescribeServices") {
                Ok(body) => task_definitions(body),
                Err(unseen) => return Ok(Err(unseen)),
            };
            for definition in definitions {
                let answer =
                    self.ecs("DescribeTaskDefinition", &json!({ "taskDefinition": definition })).await?;
                match seen(&answer, "ecs:DescribeTaskDefinition") {
                    Ok(body) => roles.extend(of_definition(&body["taskDefinition"])),
                    Err(unseen) => return Ok(Err(unseen)),
                }
            }
        }
        Ok(Ok(roles))
    }

    async fn ecs(&self, operation: &str, input: &Json) -> anyhow::Result<Answer> {
        let target = format!("AmazonEC2ContainerServiceV20141113.{operation}");
        ask::json(self.sdk, ECS, self.region, ("1.1", &target), input).await
    }
}

/// What a service answered. What is not there is told of elsewhere.
fn seen<'a>(answer: &'a Answer, right: &str) -> Result<&'a Json, Option<String>> {
    if answer.is_good() {
        return Ok(&answer.body);
    }
    Err(answer.is_forbidden().then(|| {
        format!("which roles the tasks have, and whether the action's role may pass them, is not checked; allow yourself {right}")
    }))
}

/// The task definitions that a described service runs: of itself, or of the task sets that CodeDeploy made.
fn task_definitions(described: &Json) -> BTreeSet<String> {
    let services = described["services"].as_array().into_iter().flatten();
    let of_service = |service: &Json| -> Vec<String> {
        let sets = service["taskSets"].as_array().into_iter().flatten();
        let all = std::iter::once(service).chain(sets);
        all.filter_map(|it| it["taskDefinition"].as_str()).map(str::to_owned).collect()
    };
    services.flat_map(of_service).collect()
}

/// Those that are ARNs of roles: what the definition gives by name, ECS completes.
fn of_definition(definition: &Json) -> Vec<String> {
    let roles = ["taskRoleArn", "executionRoleArn"].map(|key| definition[key].as_str());
    roles.into_iter().flatten().filter(|role| role.starts_with("arn:")).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_runs_its_own_definition_or_those_of_its_task_sets() {
        let described = json!({ "services": [
            { "taskDefinition": "web:7" },
            { "taskSets": [{ "status": "PRIMARY", "taskDefinition": "api:3" }] },
        ]});
        assert_eq!(task_definitions(&described), ["api:3".to_owned(), "web:7".to_owned()].into());
    }

    #[test]
    fn a_definition_without_roles_passes_none() {
        let role = "arn:aws:iam::111122223333:role/task";
        assert_eq!(of_definition(&json!({ "taskRoleArn": role })), [role]);
        assert_eq!(of_definition(&json!({ "taskRoleArn": "" })), Vec::<String>::new());
    }
}
