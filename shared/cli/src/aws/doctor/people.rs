//! Whether somebody is told: subscriptions that nobody has confirmed, topics to which nobody is subscribed.

use penstock_app::port::approvers::Approvers;
use penstock_aws::approvers::ApproverTable;
use penstock_aws::subscriptions::Subscriptions;

use super::{Finding, port};
use crate::aws::installation::Installation;
use crate::client::suggest::quoted;

/// What is found at the topics of approvers and of the stack.
pub(super) async fn findings(installation: &Installation) -> anyhow::Result<Vec<Finding>> {
    let subscriptions = Subscriptions::new(&installation.sdk);
    let mut found = approvers(installation, &subscriptions).await?;
    for (output, what) in [("FailureTopicArn", "failures"), ("AlarmTopicArn", "alarms")] {
        found.extend(untold(installation, &subscriptions, output, what).await?);
    }
    if let Ok(topic) = installation.output("ApprovalTopicArn")
        && found.iter().any(|finding| finding.code == "no-approvers")
        && subscriptions.of(topic).await.map_err(port)?.is_some_and(|all| all.iter().any(|it| it.confirmed))
    {
        // Those who share the stack's topic are asked, if not by name.
        found.retain(|finding| finding.code != "no-approvers");
    }
    Ok(found)
}

/// That nobody hears of `what`, which goes to the topic that `output` names.
async fn untold(
    installation: &Installation,
    subscriptions: &Subscriptions,
    output: &str,
    what: &str,
) -> anyhow::Result<Option<Finding>> {
    let Ok(topic) = installation.output(output) else { return Ok(None) };
    let account = |arn: &str| arn.split(':').nth(4).map(str::to_owned);
    if account(topic) != account(installation.output("ApprovalTopicArn")?) {
        // Alarms may ring in another account's topic, which is not ours to look at.
        return Ok(None);
    }
    let subscribed = subscriptions.of(topic).await.map_err(port)?;
    if subscribed.is_some_and(|all| all.iter().any(|it| it.confirmed)) {
        return Ok(None);
    }
    let message = format!("nobody is told of {what}: the topic {topic} has no confirmed subscription");
    let command =
        format!("aws sns subscribe --topic-arn {topic} --protocol email --notification-endpoint EMAIL");
    Ok(Some(Finding::notice("nobody-told", &message, command)))
}

async fn approvers(
    installation: &Installation,
    subscriptions: &Subscriptions,
) -> anyhow::Result<Vec<Finding>> {
    let store = ApproverTable::new(&installation.sdk, installation.output("TableName")?);
    let approvers = store.list().await.map_err(port)?;
    let stack = &installation.stack.name;
    if approvers.is_empty() {
        let message = "there are no approvers, so nobody is asked for verdicts by e-mail".to_owned();
        let command = format!("penstock approvers add NAME EMAIL --stack {stack}");
        return Ok(vec![Finding::notice("no-approvers", &message, command)]);
    }
    let mut found = vec![];
    for approver in approvers {
        let (name, email) = (&approver.name, &approver.email);
        // Without them, it would be asked about all.
        let only: String = approver.pipelines.iter().map(|name| format!(" --pipeline {name}")).collect();
        let add = format!(
            "penstock approvers add {} {}{only} --stack {stack}",
            quoted(name.as_str()),
            quoted(email)
        );
        match subscriptions.of(&approver.topic_arn).await.map_err(port)? {
            Some(all) if all.iter().any(|it| it.confirmed) => {}
            Some(_) => {
                let message = format!(
                    "{name} is not asked: {email} has not confirmed yet, or the link has ended after two days"
                );
                found.push(Finding::attention(
                    "unconfirmed",
                    &message,
                    format!("{add} (sends another link)"),
                ));
            }
            None => {
                let message = format!("{name} is not asked: their topic {} is gone", approver.topic_arn);
                found.push(Finding::attention("unconfirmed", &message, add));
            }
        }
    }
    Ok(found)
}
