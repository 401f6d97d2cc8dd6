//! Replaces `#{namespace.key}` in an action's configuration, just before it starts.
//!
//! Values are other people's text, such as commit messages. They never become part of a shell command: a Commands
//! action's `commands` are left as written, and what a command needs is handed to it as an environment variable. In a
//! configuration value that is JSON they are inserted as JSON strings, so that no quote in them changes its meaning.

use std::collections::{BTreeMap, BTreeSet};

use penstock_engine::state::Execution;
use penstock_engine::{Inputs, inputs};
use penstock_model::id::StageName;
use penstock_model::pipeline::{Action, Pipeline};
use penstock_model::variable::{
    self, MAX_CONFIGURATION_BYTES, PIPELINE_NAMESPACE, Reference, SERVICE_NAMESPACE, Segment, Unresolved,
};
use serde_json::Value as Json;

use crate::port::PortError;
use crate::port::outputs::Outputs;

/// Why an action's configuration could not be resolved.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ResolveError {
    /// A reference is malformed or has no value: the attempt fails.
    #[error("`{place}` of the action: {problem}")]
    Unresolved { place: String, problem: Unresolved },
    /// The values are too large: the attempt fails.
    #[error(
        "the action's configuration has {bytes} bytes once its variables are resolved; at most {MAX_CONFIGURATION_BYTES} \
         are allowed: hand on large texts as artifacts"
    )]
    TooLarge { bytes: usize },
    /// The outputs could not be read: try again.
    #[error(transparent)]
    Port(#[from] PortError),
}

/// `action` of `stage` with every reference replaced by its value in `execution`.
pub(crate) async fn resolve(
    outputs: &dyn Outputs,
    pipeline: &Pipeline,
    execution: &Execution,
    stage: &StageName,
    action: &Action,
) -> Result<Action, ResolveError> {
    if texts(action).all(|text| !text.contains("#{")) {
        return Ok(action.clone());
    }
    let values =
        Values::read(outputs, execution, &inputs(pipeline, execution, stage, &action.name), action).await?;
    values.fill(action)
}

/// `action` with each reference replaced whose value is known by now; the others stay as they are written. For people to
/// read, and not to be carried out.
pub(crate) async fn resolve_what_is_known(
    outputs: &dyn Outputs,
    pipeline: &Pipeline,
    execution: &Execution,
    stage: &StageName,
    action: &Action,
) -> Result<Action, PortError> {
    let mut filled = action.clone();
    if texts(action).all(|text| !text.contains("#{")) {
        return Ok(filled);
    }
    let values =
        Values::read(outputs, execution, &inputs(pipeline, execution, stage, &action.name), action).await?;
    for value in filled.configuration.values_mut() {
        *value = values.text(value).unwrap_or_else(|_| values.known(value));
    }
    Ok(filled)
}

fn texts(action: &Action) -> impl Iterator<Item = &str> {
    let environment = action.environment_variables.iter().map(|variable| variable.value.as_str());
    action.configuration.values().map(String::as_str).chain(environment)
}

/// The values that an action may refer to.
struct Values<'a> {
    execution: &'a Execution,
    outputs: BTreeMap<String, BTreeMap<String, String>>,
}

impl<'a> Values<'a> {
    /// Reads the outputs of the attempts that the action's references name, each once.
    async fn read(
        outputs: &dyn Outputs,
        execution: &'a Execution,
        inputs: &Inputs,
        action: &Action,
    ) -> Result<Self, PortError> {
        let mut values = BTreeMap::new();
        for namespace in namespaces(action) {
            if let Some(attempt) = inputs.variables.get(namespace) {
                values.insert(namespace.to_owned(), outputs.get(attempt).await?);
            }
        }
        Ok(Self { execution, outputs: values })
    }

    fn lookup(&self, reference: Reference<'_>) -> Option<String> {
        match (reference.namespace, reference.key) {
            (PIPELINE_NAMESPACE, key) => self.execution.variables.get(key).cloned(),
            (SERVICE_NAMESPACE, "PipelineExecutionId") => Some(self.execution.id.to_string()),
            (namespace, key) => self.outputs.get(namespace)?.get(key).cloned(),
        }
    }

    fn fill(&self, action: &Action) -> Result<Action, ResolveError> {
        let mut filled = action.clone();
        for (key, value) in &mut filled.configuration {
            *value = self.text(value).map_err(|problem| unresolved(key, problem))?;
        }
        for entry in &mut filled.environment_variables {
            entry.value = self.text(&entry.value).map_err(|problem| unresolved(&entry.name, problem))?;
        }
        let bytes = texts(&filled).map(str::len).sum::<usize>();
        if bytes > MAX_CONFIGURATION_BYTES { Err(ResolveError::TooLarge { bytes }) } else { Ok(filled) }
    }

    fn text(&self, text: &str) -> Result<String, Unresolved> {
        if !text.contains("#{") {
            return Ok(text.to_owned());
        }
        match serde_json::from_str::<Json>(text) {
            Ok(mut json @ (Json::Array(_) | Json::Object(_))) => {
                self.json(&mut json)?;
                Ok(json.to_string())
            }
            Ok(_) | Err(_) => variable::resolve(text, |reference| self.lookup(reference)),
        }
    }

    fn known(&self, text: &str) -> String {
        let Ok(segments) = variable::segments(text) else {
            return text.to_owned();
        };
        let shown = segments.into_iter().map(|segment| match segment {
            Segment::Text(text) => text.to_owned(),
            Segment::Reference(reference) => self
                .lookup(reference)
                .unwrap_or_else(|| format!("#{{{}.{}}}", reference.namespace, reference.key)),
        });
        shown.collect()
    }

    fn json(&self, json: &mut Json) -> Result<(), Unresolved> {
        match json {
            Json::String(text) => *text = variable::resolve(text, |reference| self.lookup(reference))?,
            Json::Array(items) => items.iter_mut().try_for_each(|item| self.json(item))?,
            Json::Object(entries) => entries.values_mut().try_for_each(|entry| self.json(entry))?,
            Json::Null | Json::Bool(_) | Json::Number(_) => {}
        }
        Ok(())
    }
}

fn unresolved(place: &str, problem: Unresolved) -> ResolveError {
    ResolveError::Unresolved { place: place.to_owned(), problem }
}

/// The namespaces that the action's references name; malformed text is found when it is resolved.
fn namespaces(action: &Action) -> BTreeSet<&str> {
    let segments = texts(action).filter_map(|text| variable::segments(text).ok()).flatten();
    segments
        .filter_map(|segment| match segment {
            Segment::Reference(reference) => Some(reference.namespace),
            Segment::Text(_) => None,
        })
        .collect()
}
