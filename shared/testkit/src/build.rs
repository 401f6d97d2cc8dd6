//! Builders for definitions and ids: only what a test is about has to be said.
//!
//! All of them panic on names that have the wrong form: the test is wrong then.

use std::collections::BTreeMap;

use penstock_engine::command::{Command, Request};
use penstock_engine::state::TriggerCause;
use penstock_model::id::{ActionName, CommandId, DeliveryId, ExecutionId, PipelineName, StageName};
use penstock_model::pipeline::{
    Action, ActionType, Category, ExecutionMode, InputArtifact, OutputArtifact, Owner, Pipeline, Stage,
    VariableDeclaration,
};

/// Reads a name or id.
///
/// # Panics
/// If it has the wrong form.
#[expect(clippy::panic, reason = "a wrong name in a test is the test's mistake")]
pub fn name<T: std::str::FromStr<Err: std::fmt::Display>>(text: &str) -> T {
    text.parse().unwrap_or_else(|error| panic!("{error}"))
}

/// A pipeline in the making.
#[derive(Debug, Clone)]
pub struct PipelineBuilder(Pipeline);

/// A SUPERSEDED pipeline without stages.
pub fn pipeline(called: &str) -> PipelineBuilder {
    PipelineBuilder(Pipeline {
        name: name(called),
        role_arn: None,
        artifact_store: None,
        artifact_stores: None,
        stages: vec![],
        execution_mode: ExecutionMode::Superseded,
        pipeline_type: None,
        variables: vec![],
        triggers: vec![],
    })
}

impl PipelineBuilder {
    /// In another mode.
    #[must_use]
    pub fn mode(mut self, mode: ExecutionMode) -> Self {
        self.0.execution_mode = mode;
        self
    }

    /// With a further stage.
    #[must_use]
    pub fn stage(mut self, called: &str, actions: impl IntoIterator<Item = ActionBuilder>) -> Self {
        let actions = actions.into_iter().map(|action| action.0).collect();
        self.0.stages.push(Stage {
            name: name(called),
            actions,
            before_entry: None,
            on_success: None,
            on_failure: None,
        });
        self
    }

    /// With a pipeline-level variable.
    #[must_use]
    pub fn variable(mut self, called: &str, default: Option<&str>) -> Self {
        let default_value = default.map(str::to_owned);
        self.0.variables.push(VariableDeclaration {
            name: called.to_owned(),
            default_value,
            description: None,
        });
        self
    }

    /// The pipeline.
    pub fn build(self) -> Pipeline {
        self.0
    }
}

/// An action in the making.
#[derive(Debug, Clone)]
pub struct ActionBuilder(Action);

/// An action of `category` that `provider` performs.
pub fn action(called: &str, category: Category, provider: &str) -> ActionBuilder {
    let owner = if provider == "GitHub" { Owner::ThirdParty } else { Owner::Aws };
    ActionBuilder(Action {
        name: name(called),
        action_type_id: ActionType {
            category,
            owner,
            provider: provider.to_owned(),
            version: "1".to_owned(),
        },
        run_order: 1,
        configuration: BTreeMap::new(),
        commands: vec![],
        input_artifacts: vec![],
        output_artifacts: vec![],
        output_variables: vec![],
        environment_variables: vec![],
        namespace: None,
        role_arn: None,
        region: None,
        timeout_in_minutes: None,
    })
}

/// A source action of GitHub's without a repository, which produces `output`.
pub fn source(called: &str, output: &str) -> ActionBuilder {
    action(called, Category::Source, "GitHub").produces(output)
}

/// A `CodeBuild` action.
pub fn build(called: &str) -> ActionBuilder {
    action(called, Category::Build, "CodeBuild")
}

/// A `CodeDeploy` action.
pub fn deploy(called: &str) -> ActionBuilder {
    action(called, Category::Deploy, "CodeDeploy")
}

/// An approval.
pub fn approval(called: &str) -> ActionBuilder {
    action(called, Category::Approval, "Manual")
}

impl ActionBuilder {
    /// In a later group.
    #[must_use]
    pub fn order(mut self, run_order: u16) -> Self {
        self.0.run_order = run_order;
        self
    }

    /// With a further input artifact.
    #[must_use]
    pub fn consumes(mut self, artifact: &str) -> Self {
        self.0.input_artifacts.push(InputArtifact { name: name(artifact) });
        self
    }

    /// With a further output artifact.
    #[must_use]
    pub fn produces(mut self, artifact: &str) -> Self {
        self.0.output_artifacts.push(OutputArtifact { name: name(artifact), files: vec![] });
        self
    }

    /// With a setting.
    #[must_use]
    pub fn set(mut self, key: &str, value: &str) -> Self {
        self.0.configuration.insert(key.to_owned(), value.to_owned());
        self
    }

    /// With a namespace for its output variables.
    #[must_use]
    pub fn namespace(mut self, namespace: &str) -> Self {
        self.0.namespace = Some(name(namespace));
        self
    }

    /// With an approval's time to expiry.
    #[must_use]
    pub fn expires_after(mut self, minutes: u32) -> Self {
        self.0.timeout_in_minutes = Some(minutes);
        self
    }

    /// The action.
    pub fn build(self) -> Action {
        self.0
    }
}

/// A command with an id of its own choice.
pub fn command(id: &str, pipeline: &PipelineName, request: Request) -> Command {
    Command { id: name::<CommandId>(id), pipeline: pipeline.clone(), request }
}

/// A start under the id that follows from `id`, as if a person had asked.
pub fn start(id: &str, pipeline: &PipelineName) -> (ExecutionId, Command) {
    start_for(id, pipeline, None)
}

/// A start by a delivery.
pub fn start_from(delivery: &str, pipeline: &PipelineName) -> (ExecutionId, Command) {
    start_for(&format!("delivery-{delivery}"), pipeline, Some(name(delivery)))
}

fn start_for(id: &str, pipeline: &PipelineName, delivery: Option<DeliveryId>) -> (ExecutionId, Command) {
    let execution = ExecutionId::derive(pipeline, &name(id));
    let kind = if delivery.is_some() { "Webhook" } else { "StartPipelineExecution" };
    let trigger = TriggerCause { kind: kind.into(), detail: "a test".to_owned(), delivery, reference: None };
    let request = Request::Start {
        execution: execution.clone(),
        trigger,
        variables: BTreeMap::new(),
        overrides: vec![],
    };
    (execution, command(id, pipeline, request))
}

/// A stage's and an action's name.
pub fn place(stage: &str, action: &str) -> (StageName, ActionName) {
    (name(stage), name(action))
}
