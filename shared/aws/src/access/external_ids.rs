//! What a role is told when it is assumed, so that its owner can say which pipelines may use it (IAM user guide,
//! "Access to AWS accounts owned by third parties": the external id).

use std::sync::atomic::{AtomicUsize, Ordering};

use penstock_model::id::PipelineName;

use crate::session::external_id;

/// The external ids that are said to a role in the name of one pipeline, the narrower first, and which of them it took.
///
/// Whoever may change one pipeline's definition does not get the roles of another's by it: a role that trusts only the
/// other's id takes neither this pipeline's nor the installation's plain one.
#[derive(Debug, Default)]
pub(super) struct ExternalIds {
    said: Vec<String>,
    taken: AtomicUsize,
}

impl ExternalIds {
    /// The pipeline's own, then the installation's, which a role takes that serves every pipeline.
    pub(super) fn of_pipeline(installation: Option<&str>, pipeline: &PipelineName) -> Self {
        let said = installation.map(|id| vec![external_id(id, pipeline), id.to_owned()]);
        Self { said: said.unwrap_or_default(), ..Self::default() }
    }

    /// The installation's alone: what its own role asks for.
    pub(super) fn of_installation(installation: Option<&str>) -> Self {
        Self { said: installation.map(str::to_owned).into_iter().collect(), ..Self::default() }
    }

    /// In the order in which they are tried: the one that was taken, then the others. Nothing is said where there is none.
    pub(super) fn in_order(&self) -> Vec<(usize, Option<&str>)> {
        if self.said.is_empty() {
            return vec![(0, None)];
        }
        let taken = self.taken.load(Ordering::Relaxed);
        let all = self.said.iter().enumerate().map(|(place, id)| (place, Some(id.as_str())));
        let (mut first, others): (Vec<_>, Vec<_>) = all.partition(|(place, _)| *place == taken);
        first.extend(others);
        first
    }

    /// The one at `place` was taken: it is said first from now on.
    pub(super) fn take(&self, place: usize) {
        self.taken.store(place, Ordering::Relaxed);
    }

    /// All of them, the narrower first.
    pub(super) fn all(&self) -> &[String] {
        &self.said
    }
}

#[cfg(test)]
mod tests {
    use penstock_testkit::build::name;

    use super::*;

    #[test]
    fn the_narrower_is_said_first_until_another_is_taken() {
        let ids = ExternalIds::of_pipeline(Some("id"), &name("web"));
        assert_eq!(ids.in_order(), [(0, Some("id/web")), (1, Some("id"))]);
        ids.take(1);
        assert_eq!(ids.in_order(), [(1, Some("id")), (0, Some("id/web"))]);
        ids.take(0);
        assert_eq!(ids.in_order()[0], (0, Some("id/web")));
    }

    #[test]
    fn the_installations_own_role_and_one_without_ids_are_asked_once() {
        assert_eq!(ExternalIds::of_installation(Some("id")).in_order(), [(0, Some("id"))]);
        assert_eq!(ExternalIds::of_pipeline(None, &name("web")).in_order(), [(0, None)]);
    }
}
