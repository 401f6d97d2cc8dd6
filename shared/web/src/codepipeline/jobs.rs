//! Answers of invoked functions to their jobs.

use std::collections::BTreeMap;

use penstock_app::engine::inputs;
use penstock_app::error::AppError;
use penstock_app::jobs::{Answer, JobError, JobId};
use penstock_app::port::PortError;
use penstock_model::id::ArtifactName;
use penstock_model::stores::Stores;
use penstock_model::variable::MAX_OUTPUT_BYTES;
use serde_json::{Value, json};

use super::error::ApiError;
use super::input::Input;
use super::operation::{self, Call};

/// What an invoked function needs of the API.
pub(super) const OPERATIONS: [&str; 3] = ["GetJobDetails", "PutJobFailureResult", "PutJobSuccessResult"];

/// The model's limits.
const MAX_TOKEN: usize = 2048;
const MAX_SUMMARY: usize = 2048;
const MAX_MESSAGE: usize = 5000;

/// `FailureType`.
const FAILURES: [(&str, &str); 6] = [
    ("JobFailed", "JobFailed"),
    ("ConfigurationError", "ConfigurationError"),
    ("PermissionError", "PermissionError"),
    ("RevisionOutOfSync", "RevisionOutOfSync"),
    ("RevisionUnavailable", "RevisionUnavailable"),
    ("SystemUnavailable", "SystemUnavailable"),
];

pub(crate) async fn succeed(call: Call<'_>) -> operation::Answer {
    let id: JobId = call.input.id("jobId")?;
    let token = call.input.text_within("continuationToken", MAX_TOKEN)?;
    let details = call.input.structure("executionDetails")?;
    let summary = match details {
        Some(details) => details.text_within("summary", MAX_SUMMARY)?.map(str::to_owned),
        None => None,
    };
    let variables = variables(call.input)?;
    let answer = match token {
        Some(token) => Answer::Continued { token: token.to_owned() },
        None => Answer::Succeeded { variables, summary },
    };
    call.web.jobs.answer(&id, answer).await.map_err(refused(&id))?;
    call.done()
}

pub(crate) async fn fail(call: Call<'_>) -> operation::Answer {
    let id: JobId = call.input.id("jobId")?;
    let details = Input::of(call.input.required("failureDetails")?, "failureDetails")?;
    let code = details.one_of("type", &FAILURES)?.to_owned();
    details.required_text("message")?;
    let message = details.text_within("message", MAX_MESSAGE)?.unwrap_or_default().to_owned();
    call.web.jobs.answer(&id, Answer::Failed { code, message }).await.map_err(refused(&id))?;
    call.done()
}

pub(crate) async fn details(call: Call<'_>) -> operation::Answer {
    let id: JobId = call.input.id("jobId")?;
    let invocation = call.web.jobs.find(&id).await.map_err(refused(&id))?;
    let (pipeline, attempt) = (&invocation.pipeline, &invocation.attempt);
    let query = &call.web.query;
    let execution = query.raw_execution(pipeline, &attempt.execution).await?;
    let (_, definition, _) = query.definition(pipeline, Some(execution.definition)).await?;
    let stage = definition.stage(&attempt.stage);
    let action = stage
        .and_then(|stage| stage.action(&attempt.action))
        .ok_or_else(|| refused(&id)(JobError::Unknown))?;
    let configuration = query.resolved_configuration(&definition, &execution, &attempt.stage, action).await?;
    let stores = Stores::of(&definition);
    let (home, region) = (&call.web.region, action.region.as_ref().unwrap_or(&call.web.region));
    let inputs = inputs(&definition, &execution, &attempt.stage, &attempt.action);
    let artifacts: Vec<Value> = inputs
        .artifacts
        .iter()
        .map(|input| {
            // As the function was called: what lies in another region has been copied into the action's.
            let copy = stores.as_ref().and_then(|stores| stores.copy_of(input, region, home));
            let (bucket, key) = copy.unwrap_or((&input.bucket, input.key.clone()));
            artifact(&input.name, bucket, &key)
        })
        .collect();
    let outputs: Vec<Value> =
        invocation.outputs.iter().map(|it| artifact(&it.name, &it.bucket, &it.key)).collect();
    let mut data = json!({
        "actionTypeId": action.action_type_id,
        "actionConfiguration": {"configuration": configuration},
        "pipelineContext": {
            "pipelineName": pipeline,
            "stage": {"name": attempt.stage},
            "action": {"name": attempt.action},
            "pipelineExecutionId": attempt.execution,
        },
        "inputArtifacts": artifacts,
        "outputArtifacts": outputs,
    });
    if let Some(key) = stores.as_ref().and_then(|stores| stores.in_region(region)?.kms_key()) {
        data["encryptionKey"] = json!({"id": key, "type": "KMS"});
    }
    if let Some(token) = &invocation.continuation {
        data["continuationToken"] = json!(token);
    }
    call.answer(&json!({
        "jobDetails": {"id": id.to_string(), "accountId": call.web.account, "data": data}
    }))
}

fn artifact(name: &ArtifactName, bucket: &str, key: &str) -> Value {
    let location = json!({"bucketName": bucket, "objectKey": key});
    json!({"name": name, "location": {"type": "S3", "s3Location": location}})
}

fn variables(input: Input<'_>) -> Result<BTreeMap<String, String>, ApiError> {
    let Some(value) = input.member("outputVariables") else {
        return Ok(BTreeMap::new());
    };
    let members =
        value.as_object().ok_or_else(|| ApiError::serialization("`outputVariables` must be a structure"))?;
    let text = |(key, value): (&String, &Value)| {
        let name = |c: char| c.is_ascii_alphanumeric() || "@-_".contains(c);
        if key.is_empty() || !key.chars().all(name) {
            let rule = "a key of `outputVariables` takes the characters A-Z a-z 0-9 @ - _";
            return Err(ApiError::validation(rule));
        }
        let value = value
            .as_str()
            .ok_or_else(|| ApiError::serialization(format!("`outputVariables.{key}` must be a string")))?;
        Ok((key.clone(), value.to_owned()))
    };
    members.iter().map(text).collect()
}

fn refused(id: &JobId) -> impl Fn(JobError) -> ApiError {
    move |error| {
        let message = error.to_string();
        match error {
            JobError::Unknown => ApiError::new("JobNotFoundException", message),
            JobError::Settled(_) => ApiError::new("InvalidJobStateException", message),
            JobError::TooLarge(_) => ApiError::new(
                "OutputVariablesSizeExceededException",
                format!("{message}: hand on large texts as artifacts (at most {MAX_OUTPUT_BYTES} bytes)"),
            ),
            JobError::App(AppError::Port(error)) => AppError::Port(without(id, &error)).into(),
            JobError::App(error) => error.into(),
        }
    }
}

/// `error`, which is logged, without the job's id, by which whoever reads it could answer the job.
fn without(id: &JobId, error: &PortError) -> PortError {
    PortError { message: error.message.replace(&id.to_string(), "(the job)"), retryable: error.retryable }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_does_not_tell_the_id_by_which_a_job_is_answered() {
        let id: JobId = "5ec7e700-5d7e-4f60-8a91-b2c3d4e5f607".parse().unwrap();
        let failed =
            PortError::transient(format!("write the output variables of {id}/job/answer/0: throttled"));
        let error = refused(&id)(JobError::App(failed.into()));
        assert_eq!(
            error.message(),
            "failed to write the output variables of (the job)/job/answer/0: throttled"
        );
    }
}
