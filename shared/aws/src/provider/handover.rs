//! Brings input artifacts that lie in another region into the store of the action's region, before the action starts.
//!
//! Services read artifacts where they run. A copy is made under the action's role, and its key follows from the
//! artifact's: whoever needs it next in that region, a repetition or another action, finds it and checks it.

use std::borrow::Cow;
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::future::try_join_all;
use penstock_app::engine::state::External;
use penstock_app::port::PortError;
use penstock_app::port::provider::{Begun, Observation, Provider, Stop, Work};
use penstock_model::artifact::Artifact;
use penstock_model::stores::Stores;

use super::failure::Failure;
use crate::access::{Access, WithoutRole};
use crate::artifacts::S3Artifacts;
use crate::sdk::Sdk;

mod copy;

use copy::Copying;

/// Performs the actions of another provider with their input artifacts in the store of their region.
#[derive(Clone)]
pub struct Handover {
    inner: Arc<dyn Provider>,
    access: Access,
    artifacts: S3Artifacts,
    without_role: WithoutRole,
    throughout: bool,
}

impl Handover {
    /// For `inner`, whose actions run under the roles that `access` gives; `artifacts` is the installation's store.
    pub fn new(
        inner: Arc<dyn Provider>,
        access: Access,
        artifacts: S3Artifacts,
        without_role: WithoutRole,
    ) -> Self {
        Self { inner, access, artifacts, without_role, throughout: false }
    }

    /// The same for a provider that also reads input artifacts when it is observed: its work has several steps.
    #[must_use]
    pub fn throughout(self) -> Self {
        Self { throughout: true, ..self }
    }

    /// The work with its input artifacts where it reads them.
    async fn brought<'a>(&self, work: &'a Work, has_begun: bool) -> Result<Cow<'a, Work>, Failure> {
        let home = self.artifacts.region();
        let region = work.action.region.as_deref().unwrap_or(home);
        let is_far =
            |stores: &Stores| work.inputs.iter().any(|input| stores.copy_of(input, region, home).is_some());
        let Some(stores) = work.artifact_store.as_ref().filter(|stores| is_far(stores)) else {
            return Ok(Cow::Borrowed(work));
        };
        let role = self.access.of(work, self.without_role.once_begun(has_begun)).await?;
        let target = self.artifacts.of(work, &role);
        let inputs = work.inputs.iter().map(|input| one(stores, input, region, home, &target, &role));
        let inputs = try_join_all(inputs).await?;
        Ok(Cow::Owned(Work { inputs, ..work.clone() }))
    }
}

/// The artifact as an action in `region` reads it.
async fn one(
    stores: &Stores,
    artifact: &Artifact,
    region: &str,
    home: &str,
    target: &S3Artifacts,
    role: &Sdk,
) -> Result<Artifact, Failure> {
    let Some((bucket, key)) = stores.copy_of(artifact, region, home) else {
        return Ok(artifact.clone());
    };
    let from = role.acting_as(None, Some(stores.region_of(&artifact.bucket, home)));
    Copying { artifact, from: &from, target, bucket, key: &key }.carry_out().await
}

#[async_trait]
impl Provider for Handover {
    async fn start(&self, work: &Work, taken_over: bool) -> Result<Begun, PortError> {
        self.start_until(work, taken_over, &Stop::default()).await
    }

    async fn start_until(&self, work: &Work, taken_over: bool, stop: &Stop) -> Result<Begun, PortError> {
        match self.brought(work, taken_over).await {
            Ok(work) => self.inner.start_until(&work, taken_over, stop).await,
            // The worker that had the claim may have started it: of that, this says nothing.
            Err(failure) => failure.unseen().begun(taken_over),
        }
    }

    async fn observe(&self, work: &Work, external: &External) -> Result<Observation, PortError> {
        if !self.throughout {
            return self.inner.observe(work, external).await;
        }
        match self.brought(work, true).await {
            Ok(work) => self.inner.observe(&work, external).await,
            Err(failure) => failure.unseen().observed(external),
        }
    }

    async fn cancel(&self, work: &Work, external: Option<&External>) -> Result<Observation, PortError> {
        self.inner.cancel(work, external).await
    }

    async fn discard(&self, work: &Work, spare: &External) -> Result<(), PortError> {
        self.inner.discard(work, spare).await
    }
}
