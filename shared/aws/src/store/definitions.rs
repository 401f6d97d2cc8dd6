//! Definition versions that this process has read: they never change.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use penstock_model::id::{DefinitionVersion, PipelineName};
use penstock_model::pipeline::Pipeline;

/// When this many are kept they are forgotten, so that a function that serves many pipelines stays small.
const MOST: usize = 256;

type Known = HashMap<(PipelineName, DefinitionVersion), Arc<Pipeline>>;

#[derive(Debug, Default)]
pub(super) struct Definitions(Mutex<Known>);

impl Definitions {
    pub(super) fn get(&self, pipeline: &PipelineName, version: DefinitionVersion) -> Option<Arc<Pipeline>> {
        self.known().get(&(pipeline.clone(), version)).cloned()
    }

    pub(super) fn keep(
        &self,
        pipeline: &PipelineName,
        version: DefinitionVersion,
        definition: Arc<Pipeline>,
    ) {
        let mut known = self.known();
        if known.len() >= MOST {
            known.clear();
        }
        known.insert((pipeline.clone(), version), definition);
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
