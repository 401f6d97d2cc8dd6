//! A definition as the API shows it (`PipelineDeclaration`), and the way back.
//!
//! The model demands members that a definition here may leave out (`roleArn`), and clients send back what they were
//! shown. So the defaults are shown under recognisable values, which are removed again when they come back.

use penstock_app::partition::Partition;
use penstock_model::definition::{self, Parsed};
use penstock_model::id::DefinitionVersion;
use penstock_model::pipeline::Pipeline;
use serde_json::{Map, Value, json};

use super::error::ApiError;
use crate::Web;

/// `pipeline` in the API's shape.
pub(crate) fn show(web: &Web, pipeline: &Pipeline, version: DefinitionVersion) -> Result<Value, ApiError> {
    let mut value = serde_json::to_value(pipeline)
        .map_err(|error| ApiError::internal(format!("the definition cannot be shown: {error}")))?;
    if let Some(members) = value.as_object_mut() {
        members.insert("version".into(), json!(version.0));
        members.entry("roleArn").or_insert_with(|| json!(default_role(web)));
        members.entry("pipelineType").or_insert_with(|| json!("V2"));
        each_action(members, fill);
    }
    Ok(value)
}

/// The definition in the request's `pipeline`.
pub(crate) fn read(web: &Web, value: &Value) -> Result<Parsed, ApiError> {
    let mut value = value.clone();
    if let Some(members) = value.as_object_mut()
        && members.get("roleArn").and_then(Value::as_str) == Some(&default_role(web))
    {
        members.remove("roleArn");
    }
    Ok(definition::from_json(&value))
}

/// The role that stands for "none named".
fn default_role(web: &Web) -> String {
    format!("arn:{}:iam::{}:role/penstock-default", Partition::of(&web.region).name, web.account)
}

/// The pipeline's ARN in this installation's region and account.
pub(crate) fn arn(web: &Web, name: &str) -> String {
    format!("arn:{}:codepipeline:{}:{}:{name}", Partition::of(&web.region).name, web.region, web.account)
}

fn each_action(pipeline: &mut Map<String, Value>, change: fn(&mut Map<String, Value>)) {
    let stages = pipeline.get_mut("stages").and_then(Value::as_array_mut).into_iter().flatten();
    for stage in stages {
        for action in stage.get_mut("actions").and_then(Value::as_array_mut).into_iter().flatten() {
            if let Some(action) = action.as_object_mut() {
                change(action);
            }
        }
    }
}

/// CodePipeline always shows these members of an action.
fn fill(action: &mut Map<String, Value>) {
    action.entry("configuration").or_insert_with(|| json!({}));
    action.entry("inputArtifacts").or_insert_with(|| json!([]));
    action.entry("outputArtifacts").or_insert_with(|| json!([]));
}
