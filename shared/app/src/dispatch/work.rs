//! Finds an attempt in the store and puts together what its provider needs.

use std::sync::Arc;

use penstock_engine::inputs;
use penstock_engine::state::{Attempt, AttemptError, ErrorCode, Execution};
use penstock_model::artifact::Artifact;
use penstock_model::id::{ActionName, ArtifactName, AttemptId};
use penstock_model::pipeline::{Action, Category, Pipeline};
use penstock_model::stores::Stores;

use super::resolve::{ResolveError, resolve};
use crate::port::PortError;
use crate::port::outputs::Outputs;
use crate::port::provider::Work;

/// An attempt that is the latest of its action, with what it belongs to.
pub(super) struct Found {
    id: AttemptId,
    execution: Arc<Execution>,
    pipeline: Arc<Pipeline>,
}

/// Why an attempt cannot be put to work.
pub(super) enum Obstacle {
    /// It never can: it fails with this.
    Fails(AttemptError),
    /// Not now.
    Port(PortError),
}

impl Found {
    /// `None` unless `execution` holds the attempt as the latest of its action and `pipeline` knows the action.
    pub(super) fn new(id: &AttemptId, execution: Arc<Execution>, pipeline: Arc<Pipeline>) -> Option<Self> {
        execution.attempt(id)?;
        pipeline.stage(&id.stage)?.action(&id.action)?;
        Some(Self { id: id.clone(), execution, pipeline })
    }

    pub(super) fn attempt(&self) -> Option<&Attempt> {
        self.execution.attempt(&self.id)
    }

    /// Whether it was asked to end and is not known to have.
    pub(super) fn is_to_end(&self) -> bool {
        self.attempt().is_some_and(|attempt| attempt.unsettled().is_some())
    }

    /// Whether its execution was asked to stop.
    pub(super) fn is_being_stopped(&self) -> bool {
        self.execution.stop.is_some()
    }

    pub(super) fn action(&self) -> Option<&Action> {
        self.pipeline.stage(&self.id.stage)?.action(&self.id.action)
    }

    /// The work with everything resolved.
    pub(super) async fn work(&self, outputs: &dyn Outputs) -> Result<Work, Obstacle> {
        let Some(action) = self.action() else {
            return Err(gone(&self.id.action));
        };
        let inputs = inputs(&self.pipeline, &self.execution, &self.id.stage, &self.id.action);
        if let Some(missing) = inputs.missing.first() {
            return Err(fails(format!(
                "its input artifact `{missing}` was never produced; retry the stage that produces it"
            )));
        }
        let resolved = resolve(outputs, &self.pipeline, &self.execution, &self.id.stage, action).await;
        match resolved {
            Ok(action) => self.with(action, inputs.artifacts).ok_or_else(|| gone(&self.id.action)),
            Err(ResolveError::Port(error)) => Err(Obstacle::Port(error)),
            Err(error @ (ResolveError::Unresolved { .. } | ResolveError::TooLarge { .. })) => {
                Err(fails(error.to_string()))
            }
        }
    }

    /// The work as far as it is known, for asking about it or ending it.
    pub(super) async fn work_begun(&self, outputs: &dyn Outputs) -> Result<Option<Work>, PortError> {
        match self.work(outputs).await {
            Ok(work) => Ok(Some(work)),
            Err(Obstacle::Port(error)) => Err(error),
            Err(Obstacle::Fails(_)) => {
                Ok(self.action().cloned().and_then(|action| self.with(action, vec![])))
            }
        }
    }

    fn with(&self, action: Action, inputs: Vec<Artifact>) -> Option<Work> {
        let mut overrides = self.execution.overrides.iter();
        Some(Work {
            attempt: self.id.clone(),
            pipeline: self.execution.pipeline.clone(),
            definition: self.execution.definition,
            revision_override: overrides.rfind(|asked| asked.action == self.id.action).cloned(),
            role_arn: action.role_arn.clone().or_else(|| self.pipeline.role_arn.clone()),
            artifact_store: Stores::of(&self.pipeline),
            action,
            inputs,
            revisions: self.execution.revisions.clone(),
            sources: sources(&self.pipeline),
            trigger: self.execution.trigger.clone(),
            deadline: self.attempt()?.deadline,
        })
    }
}

fn sources(pipeline: &Pipeline) -> Vec<(ArtifactName, ActionName)> {
    let actions = pipeline.stages.iter().flat_map(|stage| &stage.actions);
    let sources = actions.filter(|action| action.action_type_id.category == Category::Source);
    let made = |action: &Action| -> Vec<_> {
        action.output_artifacts.iter().map(|output| (output.name.clone(), action.name.clone())).collect()
    };
    sources.flat_map(made).collect()
}

fn fails(message: String) -> Obstacle {
    Obstacle::Fails(AttemptError::new(ErrorCode::ConfigurationError, message))
}

fn gone(action: &ActionName) -> Obstacle {
    fails(format!("the definition has no action `{action}`"))
}
