//! Create, update, get, delete and list pipelines.

use penstock_app::engine::rejection::Rejection;
use penstock_app::error::AppError;
use penstock_model::id::{DefinitionVersion, PipelineName};
use penstock_model::pipeline::{ExecutionMode, Pipeline};
use serde::Serialize;
use serde_json::Value;

use super::declaration;
use super::error::{ApiError, or_missing};
use super::operation::{Answer, Call};
use super::protocol::Moment;
use super::token;

#[derive(Serialize)]
struct Defined {
    pipeline: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    tags: Option<[(); 0]>,
}

pub(crate) async fn create(call: Call<'_>) -> Answer {
    if !call.input.structures("tags")?.is_empty() {
        return Err(ApiError::new(
            "InvalidTagsException",
            "tags are not kept here; create the pipeline without them",
        ));
    }
    let pipeline = definition(&call)?;
    let (version, _) = call.web.control.create(pipeline.clone(), &call.by).await?;
    call.answer(&Defined { pipeline: declaration::show(call.web, &pipeline, version)?, tags: Some([]) })
}

pub(crate) async fn update(call: Call<'_>) -> Answer {
    let pipeline = definition(&call)?;
    let (version, _) = call.web.control.update(pipeline.clone(), &call.by).await?;
    call.answer(&Defined { pipeline: declaration::show(call.web, &pipeline, version)?, tags: None })
}

fn definition(call: &Call<'_>) -> Result<Pipeline, ApiError> {
    let parsed = declaration::read(call.web, call.input.required("pipeline")?)?;
    parsed.pipeline.ok_or_else(|| AppError::Refused(parsed.diagnostics).into())
}

#[derive(Serialize)]
struct Got {
    pipeline: Value,
    metadata: Metadata,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    pipeline_arn: String,
    created: Moment,
    updated: Moment,
}

pub(crate) async fn get(call: Call<'_>) -> Answer {
    let name: PipelineName = call.input.id("name")?;
    let version = call.input.count("version", u32::MAX)?.map(DefinitionVersion);
    let query = &call.web.query;
    let (state, latest, number) = query.definition(&name, None).await?;
    let (pipeline, number) = match version {
        Some(version) if version != number => {
            let (_, pipeline, number) = query
                .definition(&name, Some(version))
                .await
                .map_err(or_missing("PipelineVersionNotFoundException"))?;
            (pipeline, number)
        }
        Some(_) | None => (latest, number),
    };
    let metadata = Metadata {
        pipeline_arn: declaration::arn(call.web, name.as_str()),
        created: Moment(state.created_at),
        updated: Moment(state.updated_at),
    };
    call.answer(&Got { pipeline: declaration::show(call.web, &pipeline, number)?, metadata })
}

/// Deleting what is not there is done already: the model has no exception for it.
pub(crate) async fn delete(call: Call<'_>) -> Answer {
    let name: PipelineName = call.input.id("name")?;
    match call.web.control.delete(&name).await {
        Ok(()) | Err(AppError::Rejected(Rejection::PipelineNotFound { .. }) | AppError::NotFound(_)) => {
            call.done()
        }
        Err(error) => Err(error.into()),
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    pipelines: Vec<Summary>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Summary {
    name: PipelineName,
    version: u32,
    pipeline_type: String,
    execution_mode: ExecutionMode,
    created: Moment,
    updated: Moment,
}

/// Pages of pipelines by name; a token holds the last name of the page before.
pub(crate) async fn list(call: Call<'_>) -> Answer {
    const PAGE: u32 = 1000;
    let limit = call.input.count("maxResults", PAGE)?.unwrap_or(PAGE);
    let after = token::read(call.input, "pipelines")?.unwrap_or_default();
    let mut states = call.web.query.pipelines().await?;
    states.sort_by(|a, b| a.name.cmp(&b.name));
    states.retain(|state| state.name.as_str() > after.as_str());
    let more = states.len() > usize::try_from(limit).unwrap_or(usize::MAX);
    states.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    let next_token = states.last().filter(|_| more).map(|last| token::write("pipelines", last.name.as_str()));
    let mut pipelines = Vec::with_capacity(states.len());
    for state in states {
        let (_, pipeline, version) = call.web.query.definition(&state.name, None).await?;
        pipelines.push(Summary {
            name: state.name.clone(),
            version: version.0,
            pipeline_type: pipeline.pipeline_type.clone().unwrap_or_else(|| "V2".into()),
            execution_mode: pipeline.execution_mode,
            created: Moment(state.created_at),
            updated: Moment(state.updated_at),
        });
    }
    call.answer(&Listed { pipelines, next_token })
}

#[derive(Serialize)]
struct Tags {
    tags: [(); 0],
}

/// No pipeline has tags; clients such as Terraform ask all the same.
pub(crate) async fn tags(call: Call<'_>) -> Answer {
    let arn = call.input.required_text("resourceArn")?;
    let name = arn.strip_prefix(&declaration::arn(call.web, "")).ok_or_else(|| {
        ApiError::new(
            "InvalidArnException",
            format!("the ARNs of this installation begin with {}", declaration::arn(call.web, "")),
        )
    })?;
    let name =
        PipelineName::new(name).map_err(|error| ApiError::new("InvalidArnException", error.to_string()))?;
    call.web.query.definition(&name, None).await.map_err(|error| {
        let error = ApiError::from(error);
        if error.code() == "PipelineNotFoundException" {
            ApiError::new("ResourceNotFoundException", error.message())
        } else {
            error
        }
    })?;
    call.answer(&Tags { tags: [] })
}
