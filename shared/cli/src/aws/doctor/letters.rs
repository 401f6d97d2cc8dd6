//! Dead letters.

use super::Finding;
use crate::aws::installation::Installation;
use crate::aws::{dead_letters, failed, letter};

/// Queues in which dead letters lie, with what some of them are about.
pub(super) async fn findings(installation: &Installation) -> anyhow::Result<Vec<Finding>> {
    let (letters, queues) = dead_letters::of(installation).await?;
    let mut found = vec![];
    for queue in queues.into_iter().filter(|queue| queue.depth > 0) {
        let peeked = letters.peek(&queue.url).await.map_err(failed)?;
        let example = peeked.first().map(|it| format!(", such as: {}", letter::line(it))).unwrap_or_default();
        let count = if queue.depth == 1 {
            "1 message lies".to_owned()
        } else {
            format!("{} messages lie", queue.depth)
        };
        let stack = &installation.stack.name;
        let message = format!("{count} in {}{example}", queue.name());
        let command = format!("penstock redrive --stack {stack} --queue {}", queue.name());
        found.push(match queue.sources.is_empty() {
            true => {
                let message = format!("{message}; {}", letter::unmovable(&queue, &peeked));
                Finding::notice("dead-letters", &message, format!("{command} --dry-run"))
            }
            false => Finding::attention("dead-letters", &message, command),
        });
    }
    Ok(found)
}
