//! The main job: a push becomes a deployment.

use std::collections::BTreeMap;
use std::time::SystemTime;

use serde_json::{Value as Json, json};

use crate::bus::Bus;
use crate::client::Client;
use crate::mail::Mail;
use crate::page;
use crate::pipelines::{Pipeline, kind};
use crate::program::penstock;
use crate::push::Delivery;
use crate::roles::role;
use crate::stack::{NAME, Stack, TOKEN, beside_others, until};
use crate::witness::milliseconds;

const BUILDSPEC: &str = "\
version: 0.2
env:
  exported-variables: [FLAVOUR]
phases:
  build:
    commands:
      - export FLAVOUR=vanilla
      - mkdir site && cp index.html template.yml site/
      - echo \"built $CODEBUILD_RESOLVED_SOURCE_VERSION\" >> site/index.html
artifacts:
  base-directory: site
  files: ['**/*']
";
const TEMPLATE: &str = "\
Parameters: {Flavour: {Type: String}}
Resources:
  Note:
    Type: AWS::SSM::Parameter
    Properties: {Name: /release/flavour, Type: String, Value: !Ref Flavour}
Outputs:
  Flavour: {Value: !Ref Flavour}
";

#[tokio::test]
async fn a_push_becomes_a_deployment() {
    let _turn = beside_others().await;
    let client = Client::new();
    let stack = client.stack;
    let (mail, bus) = (Mail::about(stack, "release").await, Bus::about(stack, "release").await);
    penstock(stack, &["approvers", "add", "Jo Doe", "jo@example.com", "--pipeline", "release"]).await;
    let topic = format!("arn:aws:sns:us-east-1:000000000000:{NAME}-approver-jo-doe");
    let jo = Mail::on(stack, "mail-jo", &[&topic], "release").await;
    let s3 = s3(stack);
    s3.create_bucket().bucket("release-site").send().await.unwrap();
    let role = role(stack, "release", &rights(stack)).await;
    Pipeline::new(stack, "release")
        .build(stack)
        .stage("Approve", &[json!({
            "name": "Ask", "actionTypeId": kind("Approval", "AWS", "Manual"),
            "configuration": {"CustomData": "Ship #{Compiled.FLAVOUR}?"},
        })])
        .stage("Deploy", &[
            json!({
                "name": "Site", "actionTypeId": kind("Deploy", "AWS", "S3"), "roleArn": role,
                "configuration": {"BucketName": "release-site", "Extract": "true"},
                "inputArtifacts": [{"name": "Site"}],
            }),
            json!({
                "name": "Stack", "actionTypeId": kind("Deploy", "AWS", "CloudFormation"), "roleArn": role,
                "configuration": {
                    "ActionMode": "CREATE_UPDATE", "StackName": "release", "TemplatePath": "Site::template.yml",
                    "ParameterOverrides": "{\"Flavour\": \"#{Compiled.FLAVOUR}\"}",
                },
                "inputArtifacts": [{"name": "Site"}], "namespace": "Deployed",
            }),
        ])
        .create(&client)
        .await;
    let files = [("buildspec.yml", BUILDSPEC), ("index.html", "<h1>hi</h1>\n"), ("template.yml", TEMPLATE)];
    let (begun, delivery) =
        (SystemTime::now(), Delivery::of_push(&client, "release-1", "acme/release", &files).await);

    assert_eq!(delivery.signed("sha256=00").send(&client).await.0, 401, "nobody signed it");
    let (status, answer) = delivery.send(&client).await;
    assert_eq!((status, &answer["queued"]), (202, &json!(true)), "{answer}");
    assert_eq!(delivery.send(&client).await.0, 202, "GitHub delivers again");
    let answers = of_transition(stack, &delivery.id, begun, 2).await;
    let began: Vec<_> = answers.iter().filter(|it| it["started"] == true).collect();
    assert_eq!(began.len(), 1, "a delivery starts one execution: {answers:?}");
    let others: Vec<_> = answers.iter().filter(|it| it["started"] == false).collect();
    let is_known = |it: &&Json| it["reason"] == "this delivery has started it before";
    assert!(others.iter().any(is_known), "admission has seen both: {answers:?}");

    let message = mail.next().await;
    assert_eq!(message["type"], "approval-needed", "{message}");
    assert_eq!(message["commit"]["id"], delivery.sha, "{message}");
    assert_eq!(message["commit"]["author"], "Octo", "{message}");
    let own = jo.next().await;
    assert_ne!(own["link"], message["link"], "a link of Jo's own: {own}");
    let form = [("pipeline", "release")];
    let link = own["link"].as_str().unwrap();
    // Nobody has to say a name, and so none is claimed.
    page::approve(&client, link, &form, "Ship vanilla?", "approved by Jo Doe: fine").await;
    let execution = client.until_execution("release", "Succeeded").await;
    bus.until_execution(&execution, "SUCCEEDED").await;
    assert_eq!(client.executions("release").await.len(), 1, "a delivery starts one execution");

    let site = s3.get_object().bucket("release-site").key("index.html").send().await.unwrap();
    let site = String::from_utf8(site.body.collect().await.unwrap().to_vec()).unwrap();
    assert!(site.contains("<h1>hi</h1>") && site.contains("built "), "{site}");
    let stacks = aws_sdk_cloudformation::Client::new(&stack.sdk());
    let deployed = stacks.describe_stacks().stack_name("release").send().await.unwrap();
    assert_eq!(deployed.stacks()[0].outputs()[0].output_value(), Some("vanilla"));

    let actions = client.actions("release", &execution).await;
    let told: Vec<_> = actions
        .iter()
        .map(|it| (it["actionName"].as_str().unwrap().to_owned(), it["status"].as_str().unwrap().to_owned()))
        .collect();
    assert_eq!(told.len(), 5, "{told:?}");
    assert!(told.iter().all(|(_, status)| status == "Succeeded"), "{told:?}");
    assert_eq!(stack.code_build.builds("penstock-release").len(), 1, "one build");
    statuses(stack, &delivery.sha).await;
}

/// What `transition` told of the pipeline and the delivery, as soon as it has handled it so often.
async fn of_transition(stack: &Stack, delivery: &str, since: SystemTime, times: usize) -> Vec<Json> {
    let logs = aws_sdk_cloudwatchlogs::Client::new(&stack.sdk());
    until(&format!("{times} times the delivery {delivery}"), async || {
        let lines = logs.filter_log_events().log_group_name(format!("/penstock/{NAME}/transition"));
        let lines = lines
            .start_time(milliseconds(since))
            .filter_pattern(format!("\"{delivery}\""))
            .send()
            .await
            .unwrap();
        let lines =
            lines.events().iter().filter_map(|line| serde_json::from_str::<Json>(line.message()?).ok());
        let told = lines.filter(|line| line["delivery"] == delivery && line["pipeline"] == "release");
        Some(told.collect::<Vec<_>>()).filter(|told| told.len() >= times)
    })
    .await
}

/// The commit is pending, then a success, and nothing after that.
async fn statuses(stack: &Stack, sha: &str) {
    let of_commit = || stack.git_hub.statuses().into_iter().filter(|it| it.sha == sha).collect::<Vec<_>>();
    until("the status of the commit", async || {
        of_commit().iter().any(|it| it.body["state"] == "success").then_some(())
    })
    .await;
    let statuses = of_commit();
    assert_forwards(stack);
    for status in &statuses {
        assert_eq!(status.authorization.as_deref(), Some(format!("Bearer {TOKEN}").as_str()));
    }
    let link = statuses[1].body["target_url"].as_str().unwrap_or_default();
    assert!(link.contains("console.aws.amazon.com"), "a page that a browser opens: {:?}", statuses[1].body);
}

/// Of each commit of this pipeline; also long afterwards, when everything has been told that was to be.
pub(crate) fn assert_forwards(stack: &Stack) {
    let mut commits = BTreeMap::<String, Vec<Json>>::new();
    for status in stack.git_hub.statuses().into_iter().filter(|it| it.body["context"] == "penstock/release") {
        commits.entry(status.sha).or_default().push(status.body["state"].clone());
    }
    for (sha, states) in commits {
        assert_eq!(states, ["pending", "success"], "{sha}: never backwards");
    }
}

fn s3(stack: &Stack) -> aws_sdk_s3::Client {
    let config = aws_sdk_s3::config::Builder::from(&stack.sdk()).force_path_style(true).build();
    aws_sdk_s3::Client::from_conf(config)
}

/// The rights of deployments.
fn rights(stack: &Stack) -> Json {
    let artifacts = format!("arn:aws:s3:::{}/*", stack.output("ArtifactBucket"));
    json!([
        {"Effect": "Allow", "Action": ["s3:GetObject", "s3:GetObjectVersion"], "Resource": artifacts},
        {"Effect": "Allow", "Action": "s3:*", "Resource": ["arn:aws:s3:::release-site", "arn:aws:s3:::release-site/*"]},
        {"Effect": "Allow", "Action": ["cloudformation:*", "ssm:*"], "Resource": "*"},
    ])
}
