//! The execution that a delivery asks for: what set it off, and which revisions it is to carry.

use std::collections::BTreeMap;

use penstock_engine::state::{RevisionKind, RevisionOverride, TriggerCause, TriggerKind};
use penstock_model::id::{DeliveryId, PipelineName};
use penstock_model::trigger::{Reference, Start};

use crate::control::StartRequest;

/// The execution that an event asks for.
pub(super) struct Asked {
    kind: TriggerKind,
    cause: String,
    reference: Option<Box<Reference>>,
    overrides: Vec<RevisionOverride>,
}

impl Asked {
    /// With the commit that was pushed.
    pub(super) fn by_push(start: Start) -> Self {
        let pin =
            |action| RevisionOverride { action, kind: RevisionKind::CommitId, value: start.commit.clone() };
        Self {
            kind: TriggerKind::Webhook,
            cause: start.cause,
            reference: Some(Box::new(start.reference)),
            overrides: start.sources.into_iter().map(pin).collect(),
        }
    }

    /// With what is newest once its sources run, as `CodePipeline` has it.
    pub(super) fn by_upload(cause: String) -> Self {
        Self { kind: TriggerKind::CloudWatchEvent, cause, reference: None, overrides: vec![] }
    }

    /// By `delivery`, of `pipeline`.
    pub(super) fn of(self, delivery: &DeliveryId, pipeline: &PipelineName) -> StartRequest {
        StartRequest {
            pipeline: pipeline.clone(),
            variables: BTreeMap::new(),
            overrides: self.overrides,
            token: None,
            trigger: TriggerCause {
                kind: self.kind,
                detail: self.cause,
                delivery: Some(delivery.clone()),
                reference: self.reference,
            },
        }
    }
}
