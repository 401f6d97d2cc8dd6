//! Deliveries that failed: a code host does not make them again by itself, and the comparison of heads tells of few: not of
//! tags and pull requests, and of branches only where a source follows them.

use std::collections::BTreeMap;

use penstock_model::pipeline::Pipeline;
use penstock_model::trigger::{Decision, decide};

use super::{followed, push};
use crate::port::redeliveries::Attempted;

/// How often a delivery is tried, the first time included. What fails as often fails for a reason that stays.
const TRIES: usize = 4;

/// Whether a push to the branch starts `pipeline` and reconciliation would not find it: a trigger names the branch, and the
/// source that it starts with follows another.
pub(super) fn is_told_by_nothing_else(pipeline: &Pipeline, repository: &str, branch: &str) -> bool {
    let Decision::Starts(start) = decide(pipeline, &push(repository, branch, "", None)) else { return false };
    let compared = followed(pipeline);
    let is_compared = |source| {
        let mut of_source = compared.iter().filter(|it| it.source.action == source);
        of_source.any(|it| it.branch == branch)
    };
    !start.sources.into_iter().all(is_compared)
}

/// The latest try of each delivery that never succeeded and was not tried too often.
pub(super) fn failed(attempts: &[Attempted]) -> Vec<&Attempted> {
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
