//! A definition as it was written: the shape of `pipeline`, every value with its place, nothing checked yet.

use serde_json::Value as Json;

use crate::diagnostic::Place;
use crate::pipeline::{Category, EnvironmentVariableKind, ExecutionMode, Owner};
use crate::provider::{self, Provider};

/// A text with its place.
#[derive(Debug, Clone)]
pub(crate) struct Text {
    pub(crate) text: String,
    pub(crate) place: Place,
    /// False for what is missing (and reported) and for what a template computes only when it is deployed.
    pub(crate) known: bool,
}

impl Text {
    pub(crate) fn unknown(place: Place) -> Self {
        Self { text: String::new(), place, known: false }
    }
}

/// A value with its place.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Placed<T> {
    pub(crate) value: T,
    pub(crate) place: Place,
}

#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) place: Place,
    pub(crate) name: Text,
    pub(crate) role_arn: Option<Text>,
    pub(crate) store: Option<Store>,
    pub(crate) stores: Option<Vec<(Text, Store)>>,
    pub(crate) stages: Vec<Stage>,
    /// False if the key is missing, which is reported already.
    pub(crate) has_stages: bool,
    pub(crate) mode: Option<Placed<ExecutionMode>>,
    pub(crate) kind: Option<Text>,
    pub(crate) variables: Vec<Variable>,
    pub(crate) triggers: Vec<Trigger>,
}

#[derive(Debug)]
pub(crate) struct Store {
    pub(crate) place: Place,
    pub(crate) kind: Text,
    pub(crate) location: Text,
    pub(crate) key: Option<Json>,
}

#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) place: Place,
    pub(crate) name: Text,
    pub(crate) actions: Vec<Action>,
    pub(crate) before_entry: Option<Hook>,
    pub(crate) on_success: Option<Hook>,
    pub(crate) on_failure: Option<Hook>,
}

#[derive(Debug)]
pub(crate) struct Action {
    pub(crate) place: Place,
    pub(crate) name: Text,
    pub(crate) kind: Kind,
    /// `None` where it is wrong (and reported) or left open by a template.
    pub(crate) run_order: Option<Placed<i64>>,
    pub(crate) configuration: Vec<(Text, Text)>,
    pub(crate) commands: Vec<Text>,
    pub(crate) inputs: Vec<Text>,
    pub(crate) outputs: Vec<Output>,
    pub(crate) output_variables: Vec<Text>,
    pub(crate) environment: Vec<Environment>,
    pub(crate) namespace: Option<Text>,
    pub(crate) role_arn: Option<Text>,
    pub(crate) region: Option<Text>,
    pub(crate) timeout: Option<Placed<i64>>,
}

/// What performs an action; `None` where it is missing, wrong (both reported) or left open by a template.
#[derive(Debug)]
pub(crate) struct Kind {
    pub(crate) place: Place,
    pub(crate) category: Option<Category>,
    pub(crate) owner: Option<Owner>,
    pub(crate) provider: Text,
    pub(crate) version: Text,
}

#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) name: Text,
    pub(crate) files: Vec<Text>,
}

#[derive(Debug)]
pub(crate) struct Environment {
    pub(crate) name: Text,
    pub(crate) value: Text,
    pub(crate) kind: EnvironmentVariableKind,
}

#[derive(Debug)]
pub(crate) struct Variable {
    pub(crate) name: Text,
    pub(crate) default: Option<Text>,
    pub(crate) description: Option<Text>,
}

#[derive(Debug)]
pub(crate) struct Trigger {
    pub(crate) place: Place,
    pub(crate) provider: Text,
    pub(crate) source: Text,
    pub(crate) push: Vec<Filter>,
    pub(crate) pull_request: Vec<Filter>,
}

/// A push filter (no events) or a pull-request filter (no tags).
#[derive(Debug)]
pub(crate) struct Filter {
    pub(crate) place: Place,
    pub(crate) events: Vec<Text>,
    pub(crate) tags: Option<Globs>,
    pub(crate) branches: Option<Globs>,
    pub(crate) paths: Option<Globs>,
}

#[derive(Debug)]
pub(crate) struct Globs {
    pub(crate) place: Place,
    pub(crate) includes: Vec<Text>,
    pub(crate) excludes: Vec<Text>,
}

/// What happens at a stage's entry, success or failure.
#[derive(Debug)]
pub(crate) struct Hook {
    pub(crate) place: Place,
    pub(crate) result: Option<Text>,
    pub(crate) retry_mode: Option<Text>,
    pub(crate) conditions: Vec<Condition>,
}

#[derive(Debug)]
pub(crate) struct Condition {
    pub(crate) place: Place,
    pub(crate) result: Option<Text>,
    pub(crate) rules: Vec<Rule>,
}

#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) place: Place,
    pub(crate) name: Text,
    pub(crate) category: Text,
    pub(crate) owner: Text,
    pub(crate) provider: Text,
    pub(crate) version: Text,
    pub(crate) configuration: Vec<(Text, Text)>,
    pub(crate) commands: Vec<Text>,
    pub(crate) inputs: Vec<Text>,
    pub(crate) role_arn: Option<Text>,
    pub(crate) region: Option<Text>,
    pub(crate) timeout: Option<Placed<i64>>,
}

impl Action {
    /// The configuration's value under `key`.
    pub(crate) fn setting(&self, key: &str) -> Option<&Text> {
        self.configuration.iter().find(|(other, _)| other.text == key).map(|(_, value)| value)
    }

    /// Whether `provider` of `category` performs it.
    pub(crate) fn is(&self, category: Category, provider: &str) -> bool {
        self.kind.category == Some(category)
            && self.kind.provider.known
            && self.kind.provider.text == provider
    }
}

impl Action {
    /// What is known of its provider; `None` for custom ones and for what is wrong or left open.
    pub(crate) fn provider(&self) -> Option<&'static Provider> {
        if !self.kind.provider.known {
            return None;
        }
        provider::find(self.kind.category?, self.kind.owner?, &self.kind.provider.text)
    }
}

/// Where an action stands.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Position {
    pub(crate) stage: usize,
    /// `None` where it is not known.
    pub(crate) run_order: Option<i64>,
}

impl Position {
    /// Before every action of a stage.
    pub(crate) fn before(stage: usize) -> Self {
        Self { stage, run_order: Some(i64::MIN) }
    }

    /// After every action of a stage.
    pub(crate) fn after(stage: usize) -> Self {
        Self { stage, run_order: Some(i64::MAX) }
    }

    /// Whether an action here has ended before one at `other` starts; what is not known gets the benefit of the doubt.
    pub(crate) fn precedes(self, other: Self) -> bool {
        self.stage < other.stage
            || self.stage == other.stage
                && self.run_order.zip(other.run_order).is_none_or(|(one, two)| one < two)
    }
}

impl Draft {
    /// All actions with their stage and position.
    pub(crate) fn actions(&self) -> impl Iterator<Item = (Position, &Stage, &Action)> {
        self.stages.iter().enumerate().flat_map(|(index, stage)| {
            stage.actions.iter().map(move |action| {
                (
                    Position { stage: index, run_order: action.run_order.map(|order| order.value) },
                    stage,
                    action,
                )
            })
        })
    }
}
