//! `penstock check --aws` reads what an ECS action deploys to: whether it is there, and the roles that its tasks have.

use std::sync::Arc;

use penstock_tests::json_service::{JsonService, Operations, Refusal};
use serde_json::{Value as Json, json};

use crate::account::{ACCOUNT, fresh};
use crate::check::{role, trusted};
use crate::program::{file, penstock};
use crate::stack::Stack;

/// What actions that deploy to ECS call, without the right to pass roles.
const CALLS: [&str; 5] = ["ecs:*", "codedeploy:*", "s3:*", "logs:*", "kms:*"];
const TASK: &str = "arn:aws:iam::000000000000:role/task";
const EXECUTION: &str = "arn:aws:iam::000000000000:role/execution";

/// A service whose tasks have roles; its cluster and its name.
fn service() -> (String, String) {
    let (cluster, service) = (fresh("cluster"), fresh("service"));
    let ecs = |operation: &str, input: Json| ACCOUNT.caller.call("ecs", operation, &input);
    ecs("create_cluster", json!({"clusterName": cluster}));
    ecs(
        "register_task_definition",
        json!({
            "family": service, "taskRoleArn": TASK, "executionRoleArn": EXECUTION,
            "containerDefinitions": [{"name": "web", "image": "web:1", "memory": 128}],
        }),
    );
    ecs(
        "create_service",
        json!({"cluster": cluster, "serviceName": service, "taskDefinition": service, "desiredCount": 0}),
    );
    (cluster, service)
}

fn definition(role: &str, store: &str, provider: &str, configuration: &str) -> String {
    format!(
        r#"pipeline:
  name: web
  roleArn: {role}
  artifactStore: {store}
  stages:
    - name: Source
      actions:
        - name: Fetch
          actionType: Source
          provider: GitHub
          configuration: {{Owner: acme, Repo: web, Branch: main}}
          outputArtifacts: [{{name: Code}}]
    - name: Release
      actions:
        - name: Go
          actionType: Deploy
          provider: {provider}
          configuration: {{{configuration}}}
          inputArtifacts: [{{name: Code}}]
"#
    )
}

/// Code and message of each problem that is told of the definition, with this service at `codedeploy`.
fn problems(stack: &Stack, definition: &str, codedeploy: &str, code: i32) -> Vec<(String, String)> {
    let (_folder, path) = file("web.yml", definition);
    let check = ["check", "--aws", "--stack", &stack.name, "--format", "json", path.to_str().unwrap()];
    let ended = penstock(&check).variable("AWS_ENDPOINT_URL_CODEDEPLOY", codedeploy).ends_with(code);
    let found: Json = serde_json::from_str(&ended).unwrap();
    let diagnostics = found["files"][0]["diagnostics"].as_array().unwrap().iter();
    let text = |it: &Json, key: &str| it[key].as_str().unwrap().to_owned();
    let told = diagnostics.map(|it| (text(it, "code"), text(it, "message")));
    told.filter(|(code, _)| !code.starts_with("default-")).collect()
}

fn bucket(stack: &Stack) -> String {
    format!("{{type: S3, location: {}}}", stack.outputs["ArtifactBucket"])
}

#[test]
fn roles_of_tasks_that_may_not_be_passed_are_told() {
    let stack = Stack::create("http://127.0.0.1:9");
    let (cluster, service) = service();
    let target = format!("ClusterName: {cluster}, ServiceName: {service}");
    let check = |allow: &[&str], code: i32| {
        let role = role(&trusted(&stack), allow, true);
        problems(&stack, &definition(&role, &bucket(&stack), "ECS", &target), "http://127.0.0.1:9", code)
    };
    let told = check(&CALLS, 2);
    assert_eq!(told.len(), 2, "{told:?}");
    for passed in [TASK, EXECUTION] {
        let lack = format!("lacks iam:PassRole on {passed}");
        let found = told.iter().find(|(_, message)| message.contains(&lack));
        assert_eq!(found.map(|(code, _)| code.as_str()), Some("permission-missing"), "{told:?}");
    }
    assert_eq!(check(&[&CALLS[..], &["iam:PassRole"]].concat(), 0), []);
}

/// A `CodeDeploy` that knows one application and one group of it, which deploys to a service.
struct Groups {
    cluster: String,
    service: String,
}

impl Operations for Groups {
    fn carry_out(&self, operation: &str, body: &Json) -> Result<Json, Refusal> {
        assert_eq!(operation, "GetDeploymentGroup");
        if body["applicationName"] != "web" {
            return Err(Refusal::new("ApplicationDoesNotExistException", "no application"));
        }
        if body["deploymentGroupName"] != "production" {
            return Err(Refusal::new("DeploymentGroupDoesNotExistException", "no group"));
        }
        let services = json!([{"clusterName": self.cluster, "serviceName": self.service}]);
        Ok(json!({"deploymentGroupInfo": {"deploymentGroupName": "production", "ecsServices": services}}))
    }
}

#[test]
fn what_codedeploy_deploys_to_ecs_with_is_looked_for_and_its_roles_are_read() {
    let stack = Stack::create("http://127.0.0.1:9");
    let (cluster, service) = service();
    let codedeploy = JsonService::start(Arc::new(Groups { cluster, service }), None);
    let check = |application: &str, group: &str, allow: &[&str], code: i32| {
        let role = role(&trusted(&stack), allow, true);
        let target = format!(
            "ApplicationName: {application}, DeploymentGroupName: {group}, TaskDefinitionTemplateArtifact: Code, AppSpecTemplateArtifact: Code"
        );
        let definition = definition(&role, &bucket(&stack), "CodeDeployToECS", &target);
        problems(&stack, &definition, &codedeploy.url(), code)
    };
    let all = [&CALLS[..], &["iam:PassRole"]].concat();
    assert_eq!(check("web", "production", &all, 0), []);
    let told = check("web", "production", &CALLS, 0);
    let useful = |role: &str| {
        let lack = format!("lacks iam:PassRole on {role}");
        told.iter().any(|(code, message)| code == "permission-useful" && message.contains(&lack))
    };
    assert!(told.len() == 2 && useful(TASK) && useful(EXECUTION), "{told:?}");
    for (application, group, missing) in
        [("shop", "production", "CodeDeploy application `shop`"), ("web", "test", "deployment group `test`")]
    {
        let told = check(application, group, &all, 2);
        assert!(told.len() == 1 && told[0].0 == "not-there" && told[0].1.contains(missing), "{told:?}");
    }
}

#[test]
fn rights_on_the_key_of_a_store_are_asked_for() {
    let stack = Stack::create("http://127.0.0.1:9");
    let (cluster, service) = service();
    let key = "arn:aws:kms:us-east-1:000000000000:key/1";
    let location = &stack.outputs["ArtifactBucket"];
    let store = format!("{{type: S3, location: {location}, encryptionKey: {{id: '{key}', type: KMS}}}}");
    let role = role(&trusted(&stack), &["ecs:*", "iam:PassRole", "s3:*"], true);
    let target = format!("ClusterName: {cluster}, ServiceName: {service}");
    let told = problems(&stack, &definition(&role, &store, "ECS", &target), "http://127.0.0.1:9", 2);
    let lack = format!("`Go`: {role} lacks kms:Decrypt on {key}");
    assert!(told.iter().any(|(code, it)| code == "permission-missing" && it.contains(&lack)), "{told:?}");
}
