//! Deliveries that failed: a code host does not make them again by itself, and of tags and pull requests nothing else tells.

use std::collections::BTreeMap;

use crate::port::PortError;
use crate::port::redeliveries::{Attempted, Redeliveries};

/// How often a delivery is tried, the first time included. What fails as often fails for a reason that stays.
const TRIES: usize = 4;

/// Has the failed deliveries of `repository` made again; says how many. One that is refused keeps no other.
pub(super) async fn redeliver(host: &dyn Redeliveries, repository: &str) -> Result<usize, PortError> {
    let attempts = host.latest(repository).await?;
    let (mut made, mut refused) = (0, None);
    for attempted in failed(&attempts) {
        match host.again(repository, attempted).await {
            Ok(is_made) => made += usize::from(is_made),
            Err(error) => refused = refused.or(Some(error)),
        }
    }
    refused.map_or(Ok(made), Err)
}

/// The latest try of each delivery that never succeeded and was not tried too often.
fn failed(attempts: &[Attempted]) -> Vec<&Attempted> {
    let mut deliveries: BTreeMap<&str, Vec<&Attempted>> = BTreeMap::new();
    for attempted in attempts {
        deliveries.entry(&attempted.delivery).or_default().push(attempted);
    }
    let is_failed = |tries: &&Vec<&Attempted>| tries.len() < TRIES && !tries.iter().any(|it| it.succeeded);
    let mut failed: Vec<&Attempted> =
        deliveries.values().filter(is_failed).filter_map(|tries| tries.first().copied()).collect();
    // Oldest first, as they came.
    failed.sort_by_key(|attempted| attempted.id);
    failed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempted(id: u64, delivery: &str, succeeded: bool) -> Attempted {
        Attempted { webhook: 1, id, delivery: delivery.to_owned(), event: "create".to_owned(), succeeded }
    }

    #[test]
    fn what_never_succeeded_is_made_again_but_not_for_ever() {
        let attempts = [
            attempted(9, "hopeless", false),
            attempted(8, "twice", false),
            attempted(7, "hopeless", false),
            attempted(6, "hopeless", false),
            attempted(5, "hopeless", false),
            attempted(4, "healed", true),
            attempted(3, "once", false),
            attempted(2, "twice", false),
            attempted(1, "healed", false),
        ];
        let again: Vec<_> = failed(&attempts).into_iter().map(|it| (it.id, it.delivery.as_str())).collect();
        assert_eq!(again, [(3, "once"), (8, "twice")]);
    }
}
