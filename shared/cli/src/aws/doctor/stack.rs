//! The stack itself: how it stands, its alarms, the webhook's secret.

use serde_json::{Value as Json, json};

use super::Finding;
use crate::aws::ask::{self, Answer, Service};
use crate::aws::installation::Installation;

const ALARMS: Service = Service { signing: "monitoring", host: "monitoring", id: "CLOUDWATCH" };
const SECRETS: Service = Service { signing: "secretsmanager", host: "secretsmanager", id: "SECRETS_MANAGER" };
const PARAMETERS: Service = Service { signing: "ssm", host: "ssm", id: "SSM" };

/// The outputs without which the program cannot speak to an installation.
const OUTPUTS: [&str; 5] = ["ApiUrl", "WebhookUrl", "TableName", "ArtifactBucket", "WebhookSecretArn"];
/// The most alarms that one question may name (`CloudWatch` API reference, `DescribeAlarms`).
const NAMES: usize = 100;

/// A stack that is not complete, or lacks outputs.
pub(super) fn status(installation: &Installation) -> Vec<Finding> {
    let stack = &installation.stack;
    let (name, status) = (&stack.name, &stack.status);
    let mut found = vec![];
    let events = format!("aws cloudformation describe-stack-events --stack-name {name} --max-items 20");
    let why = stack.reason.as_deref().map(|reason| format!(": {reason}")).unwrap_or_default();
    if status.ends_with("_IN_PROGRESS") {
        found.push(Finding::notice("stack", &format!("the stack is changing: {status}{why}"), events));
    } else if status.contains("ROLLBACK") || status.contains("FAILED") {
        let message = format!("the last change of the stack did not go through: {status}{why}");
        found.push(Finding::attention("stack", &message, events));
    }
    let missing: Vec<&str> = OUTPUTS.into_iter().filter(|key| !stack.outputs.contains_key(*key)).collect();
    if !missing.is_empty() {
        let message = format!(
            "the stack has no output {}; it is no Penstock, or of another release",
            missing.join(", ")
        );
        found.push(Finding::attention("outputs", &message, "sam deploy"));
    }
    found
}

/// The stack's alarms that ring.
pub(super) async fn alarms(installation: &Installation) -> anyhow::Result<Vec<Finding>> {
    let resources = installation.resources().await?;
    let names: Vec<&str> = resources
        .iter()
        .filter(|it| it.kind == "AWS::CloudWatch::Alarm" && !it.physical_id.is_empty())
        .map(|it| it.physical_id.as_str())
        .collect();
    let mut found = vec![];
    for names in names.chunks(NAMES) {
        let input = json!({ "AlarmNames": names, "StateValue": "ALARM" });
        let target = ("1.0", "GraniteServiceVersion20100801.DescribeAlarms");
        let region = installation.sdk.region();
        let answer = ask::json(&installation.sdk, ALARMS, region, target, &input).await?;
        let answer = refuse(answer)?;
        found.extend(answer["MetricAlarms"].as_array().into_iter().flatten().map(alarm));
    }
    Ok(found)
}

fn alarm(alarm: &Json) -> Finding {
    let text = |key: &str| alarm[key].as_str().unwrap_or_default();
    let message = format!(
        "the alarm {} rings: {} ({})",
        text("AlarmName"),
        text("AlarmDescription"),
        text("StateReason")
    );
    let command =
        format!("aws cloudwatch describe-alarm-history --alarm-name {} --max-items 5", text("AlarmName"));
    Finding::attention("alarm", &message, command)
}

/// Whether the webhook's secret is there: a secret, or a parameter.
pub(super) async fn webhook_secret(installation: &Installation) -> anyhow::Result<Vec<Finding>> {
    let Ok(arn) = installation.output("WebhookSecretArn") else {
        return Ok(vec![]);
    };
    let is_parameter = arn.split(':').nth(2) == Some("ssm");
    let (service, target, input) = match is_parameter {
        false => (SECRETS, "secretsmanager.DescribeSecret", json!({ "SecretId": arn })),
        // Not decrypted: whether it is there is all that is asked.
        true => (PARAMETERS, "AmazonSSM.GetParameter", json!({ "Name": arn })),
    };
    let region = installation.sdk.region();
    let answer = ask::json(&installation.sdk, service, region, ("1.1", target), &input).await?;
    if ["ResourceNotFoundException", "ParameterNotFound"].contains(&answer.code()) {
        let message = format!("the webhook's secret {arn} is not there, so every delivery is refused");
        let command = "give the stack another with the parameter WebhookSecretArn, or deploy it anew";
        return Ok(vec![Finding::attention("webhook-secret", &message, command)]);
    }
    let answer = refuse(answer)?;
    Ok(match answer["DeletedDate"].is_null() {
        true => vec![],
        false => vec![Finding::attention(
            "webhook-secret",
            "the webhook's secret is being deleted, so every delivery will be refused",
            format!("aws secretsmanager restore-secret --secret-id {arn}"),
        )],
    })
}

/// The body of an answer that says yes.
fn refuse(answer: Answer) -> anyhow::Result<Json> {
    let message = answer.body["message"].as_str().or(answer.body["Message"].as_str()).unwrap_or_default();
    anyhow::ensure!(answer.is_good(), "{} {} {message}", answer.status, answer.code());
    Ok(answer.body)
}
