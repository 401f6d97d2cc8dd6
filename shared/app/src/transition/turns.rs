//! Where one process does all the writing, its commands to a pipeline take turns instead of conflicting.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use penstock_model::id::PipelineName;
use tokio::sync::OwnedMutexGuard;

/// Who is next, for each pipeline. Correctness does not rest on it: versions are checked all the same.
#[derive(Default)]
pub(super) struct Turns(Mutex<HashMap<PipelineName, Arc<tokio::sync::Mutex<()>>>>);

impl Turns {
    /// Waits for a turn at `pipeline`; it is over when the guard is dropped.
    pub(super) async fn next(&self, pipeline: &PipelineName) -> OwnedMutexGuard<()> {
        let turn = {
            let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(turns.entry(pipeline.clone()).or_default())
        };
        turn.lock_owned().await
    }
}
