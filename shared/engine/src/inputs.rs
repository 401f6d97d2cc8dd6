//! Which attempts' outputs an action works on.

use std::collections::BTreeMap;

use penstock_model::artifact::Artifact;
use penstock_model::id::{ActionName, ArtifactName, AttemptId, ExecutionId, Namespace, StageName};
use penstock_model::pipeline::{Action, Pipeline, Stage};

use crate::state::{Attempt, Execution, ExecutionKind, StageRun};

/// What an action works on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Inputs {
    /// Its input artifacts, in the order in which it names them.
    pub artifacts: Vec<Artifact>,
    /// Input artifacts that nothing has produced.
    pub missing: Vec<ArtifactName>,
    /// The attempts whose output variables it may refer to, by namespace.
    pub variables: BTreeMap<Namespace, AttemptId>,
}

/// What `action` of `stage` works on in `execution`, which pins `pipeline`.
///
/// Outputs come from earlier stages and from lower run orders of the same stage; in a rollback those of earlier
/// stages are its target's.
pub fn inputs(pipeline: &Pipeline, execution: &Execution, stage: &StageName, action: &ActionName) -> Inputs {
    let Some(consumer) = pipeline.stage(stage).and_then(|it| it.action(action)) else {
        return Inputs::default();
    };
    let mut inputs = Inputs::default();
    let mut produced: BTreeMap<&ArtifactName, &Artifact> = BTreeMap::new();
    for (stage, producer) in producers(pipeline, stage, consumer) {
        let Some((origin, attempt)) = output(execution, &stage.name, &producer.name) else {
            continue;
        };
        produced.extend(
            attempt
                .artifacts
                .iter()
                .map(|artifact| (&artifact.name, artifact)),
        );
        if let Some(namespace) = producer.namespace.as_ref().filter(|_| attempt.has_variables) {
            let id = AttemptId {
                execution: origin.clone(),
                stage: stage.name.clone(),
                action: producer.name.clone(),
                number: attempt.number,
            };
            inputs.variables.insert(namespace.clone(), id);
        }
    }
    for input in &consumer.input_artifacts {
        match produced.get(&input.name) {
            Some(artifact) => inputs.artifacts.push((*artifact).clone()),
            None => inputs.missing.push(input.name.clone()),
        }
    }
    inputs
}

/// The actions before `consumer`, in the order in which they run.
fn producers<'a>(
    pipeline: &'a Pipeline,
    stage: &StageName,
    consumer: &Action,
) -> impl Iterator<Item = (&'a Stage, &'a Action)> {
    let index = pipeline
        .stages
        .iter()
        .position(|it| it.name == *stage)
        .unwrap_or_default();
    let earlier = pipeline.stages[..index]
        .iter()
        .flat_map(|stage| stage.actions.iter().map(move |it| (stage, it)));
    let mut same: Vec<_> = pipeline.stages[index..]
        .iter()
        .take(1)
        .flat_map(|stage| stage.actions.iter().map(move |it| (stage, it)))
        .filter(|(_, action)| action.run_order < consumer.run_order)
        .collect();
    same.sort_by_key(|(_, action)| action.run_order);
    earlier.chain(same)
}

/// The attempt whose outputs count for an action, and the execution that made it.
fn output<'a>(
    execution: &'a Execution,
    stage: &StageName,
    action: &ActionName,
) -> Option<(&'a ExecutionId, &'a Attempt)> {
    let inherited = match &execution.kind {
        ExecutionKind::Standard => None,
        ExecutionKind::Rollback { target, .. } => {
            in_run(&execution.inherited, stage, action).map(|it| (target, it))
        }
    };
    in_run(&execution.stages, stage, action)
        .map(|it| (&execution.id, it))
        .or(inherited)
}

fn in_run<'a>(runs: &'a [StageRun], stage: &StageName, action: &ActionName) -> Option<&'a Attempt> {
    let run = runs.iter().find(|run| run.name == *stage)?;
    run.actions.get(action).filter(|attempt| attempt.has_succeeded())
}
