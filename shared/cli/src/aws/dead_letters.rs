//! The dead-letter queues of an installation.

use penstock_aws::dead_letters::{DeadLetterQueue, DeadLetters};
use penstock_aws::stack::Resource;

use super::failed;
use super::installation::Installation;

/// The stack's dead-letter queues, those that no queue of the stack names as its own included.
pub(crate) async fn of(installation: &Installation) -> anyhow::Result<(DeadLetters, Vec<DeadLetterQueue>)> {
    let resources = installation.resources().await?;
    let queues = || resources.iter().filter(|it| it.kind == "AWS::SQS::Queue" && !it.physical_id.is_empty());
    let url = |resource: &Resource| resource.physical_id.clone();
    let letters = DeadLetters::new(&installation.sdk, queues().map(url).collect());
    let known: Vec<String> = queues().filter(|it| is_for_dead_letters(&it.logical_id)).map(url).collect();
    let found = letters.find(&known).await.map_err(failed)?;
    Ok((letters, found))
}

/// What rules and streams leave behind lies in queues that only their names in the template tell.
fn is_for_dead_letters(logical_id: &str) -> bool {
    let id = logical_id.to_ascii_lowercase();
    ["deadletter", "dlq", "undeliver", "failed"].iter().any(|word| id.contains(word))
}
