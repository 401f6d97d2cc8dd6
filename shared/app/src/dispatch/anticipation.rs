//! Makes providers ready for what a transition is about to owe, while its commit is on the way to the disk.

use std::sync::Arc;

use penstock_engine::debt::Debt;
use penstock_engine::state::{Definitions, State};
use penstock_model::id::AttemptId;

use super::work::Found;
use crate::port::outputs::Outputs;
use crate::port::provider::{Providers, Work};

/// Tells providers of the work that comes next. Nothing rests on it: what is not anticipated begins from nothing.
pub struct Anticipation {
    outputs: Arc<dyn Outputs>,
    providers: Arc<dyn Providers>,
}

impl Anticipation {
    /// Anticipation for `providers`; `outputs` are those that their work refers to.
    pub fn new(outputs: Arc<dyn Outputs>, providers: Arc<dyn Providers>) -> Self {
        Self { outputs, providers }
    }

    /// Tells of each attempt that `owed` says is to be started once `state` is committed.
    pub(crate) async fn tell(&self, state: &State, definitions: &Definitions, owed: &[Debt]) {
        for debt in owed {
            if let Debt::Dispatch { attempt } = debt
                && let Some(work) = self.work(state, definitions, attempt).await
                && let Some(provider) = self.providers.find(&work.action.action_type_id)
            {
                provider.anticipate(&work);
            }
        }
    }

    /// What the attempt's dispatch will come to; `None` also if it will fail, which is then its own to say.
    async fn work(&self, state: &State, definitions: &Definitions, attempt: &AttemptId) -> Option<Work> {
        let execution = state.executions.get(&attempt.execution)?;
        let pipeline = definitions.get(&execution.definition)?;
        let found = Found::new(attempt, Arc::clone(execution), Arc::clone(pipeline))?;
        found.work(self.outputs.as_ref()).await.ok()
    }
}
