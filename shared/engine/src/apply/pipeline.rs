//! Events on the pipeline's item: definitions and inbound transitions.

use std::sync::Arc;

use penstock_model::id::{DefinitionVersion, PipelineName, StageName};
use penstock_model::time::Timestamp;

use super::pipeline_mut;
use crate::state::{Disabled, PipelineState, Released, SCHEMA, State};

pub(super) fn defined(
    state: &mut State,
    name: &PipelineName,
    version: DefinitionVersion,
    stages: &[StageName],
    at: Timestamp,
) {
    let pipeline = state.pipeline.get_or_insert_with(|| Arc::new(undefined(name, at)));
    let pipeline = Arc::make_mut(pipeline);
    if pipeline.deleted {
        pipeline.created_at = at;
    }
    pipeline.deleted = false;
    pipeline.definition = version;
    pipeline.updated_at = at;
    for stage in stages {
        pipeline.stages.entry(stage.clone()).or_default();
    }
}

fn undefined(name: &PipelineName, at: Timestamp) -> PipelineState {
    PipelineState {
        schema: SCHEMA,
        name: name.clone(),
        definition: DefinitionVersion(0),
        deleted: false,
        created_at: at,
        updated_at: at,
        next_sequence: 1,
        stages: [].into(),
        released: Released::default(),
        polled: vec![],
    }
}

/// What was known of its stages is forgotten: a pipeline that is defined anew under the name begins afresh.
pub(super) fn deleted(state: &mut State, at: Timestamp) {
    let Some(pipeline) = pipeline_mut(state) else {
        return;
    };
    pipeline.deleted = true;
    pipeline.updated_at = at;
    pipeline.stages.clear();
    pipeline.polled.clear();
}

pub(super) fn transition(state: &mut State, stage: &StageName, disabled: Option<&Disabled>) {
    let Some(pipeline) = pipeline_mut(state) else {
        return;
    };
    pipeline.stages.entry(stage.clone()).or_default().disabled = disabled.cloned();
}

pub(super) fn released(state: &mut State, released: &Released) {
    if let Some(pipeline) = pipeline_mut(state) {
        pipeline.released = released.clone();
    }
}
