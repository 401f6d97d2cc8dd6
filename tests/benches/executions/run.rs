//! The pipeline that is counted, and one execution of it, driven from outside by people and GitHub alone.

use aws_sdk_iam::types::Tag;
use serde_json::json;

use crate::client::Client;
use crate::mail::Mail;
use crate::pipelines::{Pipeline, kind};
use crate::push::Delivery;
use crate::stack::{Stack, until};

/// The pipeline's name.
pub(crate) const PIPELINE: &str = "measured";
const SITE: &str = "measured-site";
const BUILDSPEC: &str = "version: 0.2\nphases:\n  build:\n    commands:\n      - echo built\nartifacts:\n  files: ['index.html', 'buildspec.yml']\n";

/// The pipeline with whoever approves it.
pub(crate) struct Release<'a> {
    client: &'a Client,
    mail: Mail,
    runs: u32,
}

impl<'a> Release<'a> {
    /// Creates the pipeline: Source, Build, Test, Approve, Deploy.
    pub(crate) async fn prepare(client: &'a Client) -> Self {
        let stack = client.stack;
        let mail = Mail::about(stack, PIPELINE).await;
        let s3 = aws_sdk_s3::config::Builder::from(&stack.sdk()).force_path_style(true).build();
        aws_sdk_s3::Client::from_conf(s3).create_bucket().bucket(SITE).send().await.unwrap();
        let test = json!({
            "name": "Check", "actionTypeId": kind("Test", "AWS", "CodeBuild"),
            "configuration": {"ProjectName": format!("penstock-{PIPELINE}")},
            "inputArtifacts": [{"name": "Site"}],
        });
        let deploy = json!({
            "name": "Site", "actionTypeId": kind("Deploy", "AWS", "S3"), "roleArn": role(stack).await,
            "configuration": {"BucketName": SITE, "Extract": "true"}, "inputArtifacts": [{"name": "Site"}],
        });
        let pipeline = Pipeline::new(stack, PIPELINE).build(stack).stage("Test", &[test]).approval();
        pipeline.stage("Deploy", &[deploy]).create(client).await;
        Self { client, mail, runs: 0 }
    }

    /// A push, an approval by the link in the message, and the commit's success.
    pub(crate) async fn run(&mut self) {
        self.runs += 1;
        let (client, repository) = (self.client, format!("acme/{PIPELINE}"));
        let page = format!("<h1>{}</h1>\n", self.runs);
        let files = [("buildspec.yml", BUILDSPEC), ("index.html", page.as_str())];
        let delivery = Delivery::of_push(client, &format!("d-{}", self.runs), &repository, &files).await;
        assert_eq!(delivery.send(client).await.0, 202);
        let message = self.mail.next().await;
        assert_eq!(message["type"], "approval-needed", "{message}");
        approve(client, message["link"].as_str().unwrap()).await;
        until("the commit's success", async || {
            let mut statuses = client.stack.git_hub.statuses().into_iter();
            statuses.any(|it| it.sha == delivery.sha && it.body["state"] == "success").then_some(())
        })
        .await;
    }
}

async fn approve(client: &Client, link: &str) {
    let url = client.stack.url(&link[link.find("/approvals/").unwrap()..]);
    assert_eq!(client.http.get(&url).send().await.unwrap().status(), 200);
    let form = client.http.post(&url).header("content-type", "application/x-www-form-urlencoded");
    let answer = form.body(format!("name=Jo&pipeline={PIPELINE}&verdict=approve&comment=fine"));
    assert_eq!(answer.send().await.unwrap().status(), 200);
}

/// A role as a team makes it for its deployments.
async fn role(stack: &Stack) -> String {
    let iam = aws_sdk_iam::Client::new(&stack.sdk());
    let functions: Vec<_> = stack.output("TrustedRoleArns").split(',').collect();
    let trust = json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"AWS": functions}, "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {"sts:ExternalId": stack.output("ExternalId")}},
    }]});
    let tag = Tag::builder().key("penstock:assumable").value("true").build().unwrap();
    let create = iam.create_role().role_name(PIPELINE).assume_role_policy_document(trust.to_string());
    let role = create.tags(tag).send().await.unwrap();
    let artifacts = format!("arn:aws:s3:::{}/*", stack.output("ArtifactBucket"));
    let site = [format!("arn:aws:s3:::{SITE}"), format!("arn:aws:s3:::{SITE}/*")];
    let rights = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": ["s3:GetObject", "s3:GetObjectVersion"], "Resource": artifacts},
        {"Effect": "Allow", "Action": "s3:*", "Resource": site},
    ]});
    let put = iam.put_role_policy().role_name(PIPELINE).policy_name("deploy");
    put.policy_document(rights.to_string()).send().await.unwrap();
    role.role.unwrap().arn
}
