//! What `CodeBuild` is asked for, key by key: the requests as the stand-in recorded them.

use penstock_model::pipeline::{Action, Category, EnvironmentVariable, EnvironmentVariableKind};
use penstock_testkit::build::{ActionBuilder, action, build};
use serde_json::{Value as Json, json};

use super::providers::running;
use super::stage::Stage;

const ROLE: &str = "arn:aws:iam::000000000000:role/builder";

/// The request that started the only build.
fn started(stage: &Stage) -> Json {
    let mut requests = stage.place.stand_in.requests().into_iter();
    requests.find(|request| request.operation == "StartBuild").unwrap().body
}

/// The environment variable `name` of the request.
fn variable<'a>(request: &'a Json, name: &str) -> &'a Json {
    let all = request["environmentVariablesOverride"].as_array().unwrap();
    all.iter().find(|variable| variable["name"] == name).unwrap()
}

#[tokio::test]
async fn a_build_is_asked_for_as_its_action_says() {
    let stage = Stage::new("requests-build").await;
    let variables = json!([
        {"name": "WHO", "value": "world"},
        {"name": "URL", "value": "/app/url", "type": "PARAMETER_STORE"},
        {"name": "TOKEN", "value": "app:token", "type": "SECRETS_MANAGER"},
    ]);
    let action = build("Build").consumes("App").consumes("the-docs").set("ProjectName", "web");
    let action = action
        .set("PrimarySource", "the-docs")
        .set("ServiceRoleArnOverride", ROLE)
        .set("BuildspecOverride", "ci/build.yml")
        .set("EnvironmentVariables", &variables.to_string());
    let work = stage.work(action.build()).await;
    running(&stage.code_build(), &work, false).await;
    let request = started(&stage);
    assert_eq!(request["projectName"], "web");
    assert_eq!(request["idempotencyToken"], work.attempt.token());
    assert_eq!(request["buildspecOverride"], "ci/build.yml");
    assert_eq!(request["serviceRoleOverride"], ROLE);
    let [app, docs] = work.inputs.as_slice() else { panic!("{:?}", work.inputs) };
    assert_eq!(request["sourceTypeOverride"], "S3");
    assert_eq!(request["sourceLocationOverride"], format!("{}/{}", docs.bucket, docs.key));
    assert_eq!(request["sourceVersion"].as_str(), docs.version_id.as_deref());
    let secondary =
        json!([{"type": "S3", "location": format!("{}/{}", app.bucket, app.key), "sourceIdentifier": "App"}]);
    assert_eq!(request["secondarySourcesOverride"], secondary);
    let versions = json!([{"sourceIdentifier": "App", "sourceVersion": app.version_id}]);
    assert_eq!(request["secondarySourcesVersionOverride"], versions);
    assert_eq!(request["artifactsOverride"]["type"], "NO_ARTIFACTS");
    for (name, value, kind) in [
        ("WHO", "world", "PLAINTEXT"),
        ("URL", "/app/url", "PARAMETER_STORE"),
        ("TOKEN", "app:token", "SECRETS_MANAGER"),
    ] {
        assert_eq!(*variable(&request, name), json!({"name": name, "value": value, "type": kind}));
    }
}

#[tokio::test]
async fn a_buildspec_is_handed_on_as_it_is_written() {
    for (bucket, buildspec) in [
        ("requests-inline", "version: 0.2\nphases: {build: {commands: [make]}}"),
        ("requests-arn", "arn:aws:s3:::specs/build.yml"),
    ] {
        let stage = Stage::new(bucket).await;
        let action = build("Build").consumes("App").set("ProjectName", "web");
        let work = stage.work(action.set("BuildspecOverride", buildspec).build()).await;
        running(&stage.code_build(), &work, false).await;
        assert_eq!(started(&stage)["buildspecOverride"], buildspec);
    }
}

fn commands(change: impl FnOnce(ActionBuilder) -> ActionBuilder) -> Action {
    let mut action = change(action("Build", Category::Compute, "Commands").consumes("App")).build();
    action.commands = vec!["make".into()];
    let secret = EnvironmentVariableKind::SecretsManager;
    action.environment_variables =
        vec![EnvironmentVariable { name: "TOKEN".into(), value: "app:token".into(), kind: secret }];
    action
}

#[tokio::test]
async fn commands_are_asked_for_on_the_machine_that_their_action_names() {
    let windows = "WINDOWS_SERVER_2022_CONTAINER";
    for (bucket, environment, compute, image) in [
        (
            "requests-linux",
            "LINUX_CONTAINER",
            "BUILD_GENERAL1_SMALL",
            "aws/codebuild/amazonlinux2-x86_64-standard:5.0",
        ),
        ("requests-windows", windows, "BUILD_GENERAL1_LARGE", "aws/codebuild/windows-base:2022-1.0"),
    ] {
        let stage = Stage::new(bucket).await;
        let action =
            commands(|action| action.set("EnvironmentType", environment).set("ComputeType", compute));
        running(&stage.commands(), &stage.work(action).await, false).await;
        let request = started(&stage);
        assert_eq!(request["environmentTypeOverride"], environment);
        assert_eq!(request["computeTypeOverride"], compute);
        assert_eq!(request["imageOverride"], image);
        assert_eq!(request["timeoutInMinutesOverride"], 55);
        let token = json!({"name": "TOKEN", "value": "app:token", "type": "SECRETS_MANAGER"});
        assert_eq!(*variable(&request, "TOKEN"), token);
        assert!(request["buildspecOverride"].as_str().unwrap().contains("make"), "{request}");
    }
}

#[tokio::test]
async fn commands_that_name_no_machine_run_on_the_projects() {
    let stage = Stage::new("requests-own").await;
    running(&stage.commands(), &stage.work(commands(|action| action)).await, false).await;
    let request = started(&stage);
    for key in ["environmentTypeOverride", "computeTypeOverride", "imageOverride", "serviceRoleOverride"] {
        assert!(request[key].is_null(), "{key}: {request}");
    }
    assert_eq!(request["timeoutInMinutesOverride"], 55);
}
