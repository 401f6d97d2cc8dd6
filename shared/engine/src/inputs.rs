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
        produced.extend(attempt.artifacts.iter().map(|artifact| (&artifact.name, artifact)));
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
    let index = pipeline.stages.iter().position(|it| it.name == *stage).unwrap_or_default();
    let earlier =
        pipeline.stages[..index].iter().flat_map(|stage| stage.actions.iter().map(move |it| (stage, it)));
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
    in_run(&execution.stages, stage, action).map(|it| (&execution.id, it)).or(inherited)
}

fn in_run<'a>(runs: &'a [StageRun], stage: &StageName, action: &ActionName) -> Option<&'a Attempt> {
    let run = runs.iter().find(|run| run.name == *stage)?;
    run.actions.get(action).filter(|attempt| attempt.has_succeeded())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use penstock_model::id::{CommandId, DefinitionVersion};
    use penstock_model::time::Timestamp;
    use serde_json::json;

    use super::*;
    use crate::command::{Command, DefineMode, Report, Request, RetryActions, Success};
    use crate::decide::decide;
    use crate::state::{AttemptError, Definitions, ErrorCode, State, TriggerCause};

    const FIRST: &str = "00000000-0000-4000-8000-000000000001";
    const SECOND: &str = "00000000-0000-4000-8000-000000000002";

    fn pipeline() -> Pipeline {
        let action = |name: &str, provider: &str, order: u16, inputs: &[&str], output: &str| {
            let category = if provider == "S3" { "Source" } else { "Build" };
            json!({
                "name": name, "runOrder": order, "namespace": name,
                "actionTypeId": { "category": category, "owner": "AWS", "provider": provider, "version": "1" },
                "inputArtifacts": inputs.iter().map(|name| json!({ "name": name })).collect::<Vec<_>>(),
                "outputArtifacts": [{ "name": output }],
            })
        };
        let build = [
            action("Package", "CodeBuild", 2, &["Compiled", "Code"], "Packed"),
            action("Compile", "CodeBuild", 1, &["Code"], "Compiled"),
        ];
        let stages = json!([
            { "name": "Source", "actions": [action("Fetch", "S3", 1, &[], "Code")] },
            { "name": "Build", "actions": build },
            { "name": "Prod", "actions": [action("Ship", "CodeBuild", 1, &["Packed"], "Shipped")] },
        ]);
        serde_json::from_value(json!({ "name": "web", "stages": stages })).unwrap()
    }

    struct World {
        definitions: Definitions,
        state: State,
    }

    impl World {
        fn new() -> Self {
            let version = DefinitionVersion(1);
            let definitions = [(version, Arc::new(pipeline()))].into();
            let mut world = Self { definitions, state: State::default() };
            world.ask(Request::Define { version, mode: DefineMode::Create });
            world
        }

        fn ask(&mut self, request: Request) {
            let pipeline = self.definitions[&DefinitionVersion(1)].name.clone();
            let command = Command { id: CommandId::new("c").unwrap(), pipeline, request };
            let decision = decide(&self.definitions, &self.state, &command, Timestamp(0));
            assert_eq!(decision.rejection, None);
            self.state = decision.state;
        }

        fn start(&mut self, execution: &str) {
            let (variables, overrides) = ([].into(), vec![]);
            self.ask(Request::Start {
                execution: execution.parse().unwrap(),
                trigger: cause(),
                variables,
                overrides,
            });
        }

        fn succeed(&mut self, attempt: &str, artifact: &str) {
            let artifact = Artifact {
                name: artifact.parse().unwrap(),
                bucket: "local".into(),
                key: attempt.into(),
                version_id: None,
                sha256: "0".repeat(64),
                size: 1,
            };
            let success = Success { artifacts: vec![artifact], has_variables: true, ..Success::default() };
            self.ask(Request::Report {
                attempt: attempt.parse().unwrap(),
                report: Report::Succeeded(Box::new(success)),
            });
        }

        fn fail(&mut self, attempt: &str) {
            let error = AttemptError::new(ErrorCode::JobFailed, "exit code 1");
            let report = Report::Failed { error, external: None };
            self.ask(Request::Report { attempt: attempt.parse().unwrap(), report });
        }

        /// The keys of the input artifacts, what is missing, and the attempts whose variables apply.
        fn inputs(
            &self,
            execution: &str,
            stage: &str,
            action: &str,
        ) -> (Vec<String>, Vec<String>, Vec<String>) {
            let execution = &self.state.executions[execution];
            let (stage, action) = (stage.parse().unwrap(), action.parse().unwrap());
            let inputs = inputs(&self.definitions[&DefinitionVersion(1)], execution, &stage, &action);
            (
                inputs.artifacts.into_iter().map(|artifact| artifact.key).collect(),
                inputs.missing.iter().map(ToString::to_string).collect(),
                inputs.variables.iter().map(|(name, id)| format!("{name}={id}")).collect(),
            )
        }
    }

    fn cause() -> TriggerCause {
        TriggerCause { kind: "Webhook".into(), detail: String::new(), delivery: None, reference: None }
    }

    #[test]
    fn outputs_come_from_what_ran_before() {
        let mut world = World::new();
        world.start(FIRST);
        assert_eq!(world.inputs(FIRST, "Build", "Compile").1, ["Code"]);
        world.succeed(&format!("{FIRST}/Source/Fetch/1"), "Code");
        world.succeed(&format!("{FIRST}/Build/Compile/1"), "Compiled");
        let (artifacts, missing, variables) = world.inputs(FIRST, "Build", "Package");
        assert_eq!(artifacts, [format!("{FIRST}/Build/Compile/1"), format!("{FIRST}/Source/Fetch/1")]);
        assert!(missing.is_empty());
        let (compile, fetch) = (format!("{FIRST}/Build/Compile/1"), format!("{FIRST}/Source/Fetch/1"));
        assert_eq!(variables, [format!("Compile={compile}"), format!("Fetch={fetch}")]);
        assert_eq!(world.inputs(FIRST, "Build", "Compile").2, [format!("Fetch={fetch}")]);
    }

    #[test]
    fn a_retry_of_all_actions_forgets_their_earlier_outputs() {
        let mut world = World::new();
        world.start(FIRST);
        world.succeed(&format!("{FIRST}/Source/Fetch/1"), "Code");
        world.succeed(&format!("{FIRST}/Build/Compile/1"), "Compiled");
        world.fail(&format!("{FIRST}/Build/Package/1"));
        let (execution, stage) = (FIRST.parse().unwrap(), "Build".parse().unwrap());
        world.ask(Request::Retry { execution, stage, actions: RetryActions::AllActions });
        assert_eq!(world.inputs(FIRST, "Build", "Package").1, ["Compiled"]);
        world.succeed(&format!("{FIRST}/Build/Compile/2"), "Compiled");
        assert_eq!(world.inputs(FIRST, "Build", "Package").0[0], format!("{FIRST}/Build/Compile/2"));
    }

    #[test]
    fn a_rollback_works_on_its_targets_outputs() {
        let mut world = World::new();
        world.start(FIRST);
        world.succeed(&format!("{FIRST}/Source/Fetch/1"), "Code");
        world.succeed(&format!("{FIRST}/Build/Compile/1"), "Compiled");
        world.succeed(&format!("{FIRST}/Build/Package/1"), "Packed");
        world.succeed(&format!("{FIRST}/Prod/Ship/1"), "Shipped");
        let (execution, target) = (SECOND.parse().unwrap(), FIRST.parse().unwrap());
        world.ask(Request::Rollback { execution, stage: "Prod".parse().unwrap(), target, trigger: cause() });
        let (artifacts, missing, variables) = world.inputs(SECOND, "Prod", "Ship");
        assert_eq!(artifacts, [format!("{FIRST}/Build/Package/1")]);
        assert!(missing.is_empty());
        assert_eq!(variables.len(), 3);
        assert!(variables.iter().all(|variable| variable.contains(FIRST)));
    }
}
