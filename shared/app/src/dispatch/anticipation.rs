//! Makes providers ready for what a transition is about to owe, while its commit is on the way to the disk; and before
//! that, has them do what nobody outside would notice.

use std::collections::BTreeMap;
use std::sync::Arc;

use penstock_engine::command::{Command, Request};
use penstock_engine::debt::Debt;
use penstock_engine::state::{Definitions, State};
use penstock_model::id::AttemptId;

use super::report::{end_of, reported};
use super::work::Found;
use crate::port::PortError;
use crate::port::outputs::Outputs;
use crate::port::provider::{Providers, Work};

/// What was carried out ahead of the commit that tells of it.
pub(crate) struct Ahead {
    attempt: AttemptId,
    /// The report of its end.
    pub(crate) report: Command,
    variables: BTreeMap<String, String>,
}

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

    /// Has providers carry out ahead what they can of the attempts that `owed` says are to be started. Those of which
    /// `before` knows are left out: somebody may be at work on them.
    pub(crate) async fn ahead(
        &self,
        before: &State,
        state: &State,
        definitions: &Definitions,
        owed: &[Debt],
    ) -> Vec<Ahead> {
        let mut ended = vec![];
        for debt in owed {
            if let Debt::Dispatch { attempt } = debt
                && !is_known(before, attempt)
                && let Some(work) = self.work(state, definitions, attempt).await
                && let Some(provider) = self.providers.find(&work.action.action_type_id)
                && let Some(done) = provider.ahead(&work).await
                && let Ok(id) = end_of(attempt)
            {
                let (report, variables) = reported(done);
                let request = Request::Report { attempt: attempt.clone(), report };
                let report = Command { id, pipeline: work.pipeline, request };
                ended.push(Ahead { attempt: attempt.clone(), report, variables });
            }
        }
        ended
    }

    /// Keeps the output variables of what was carried out ahead. An earlier try of the same admission, whose commit
    /// failed, may have left others.
    pub(crate) async fn keep(&self, ahead: &Ahead) -> Result<(), PortError> {
        match ahead.variables.is_empty() {
            true => Ok(()),
            false => self.outputs.replace(&ahead.attempt, &ahead.variables).await,
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

fn is_known(state: &State, attempt: &AttemptId) -> bool {
    state.executions.get(&attempt.execution).is_some_and(|execution| execution.attempt(attempt).is_some())
}
