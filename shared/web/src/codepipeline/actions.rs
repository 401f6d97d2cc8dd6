//! List what became of actions: every attempt, newest first.

use std::collections::BTreeMap;
use std::sync::Arc;

use penstock_app::engine::AttemptHistory;
use penstock_app::engine::state::{Attempt, Execution};
use penstock_app::view::ActionStanding;
use penstock_model::artifact::Artifact;
use penstock_model::id::{
    ActionName, ArtifactName, AttemptId, ExecutionId, Namespace, PipelineName, StageName,
};
use penstock_model::pipeline::{Action, ActionType, Category, ExecutionMode, Pipeline};
use serde::Serialize;

use super::error::ApiError;
use super::input::Input;
use super::operation::{Answer, Call};
use super::protocol::Moment;
use super::shapes::ErrorDetails;
use super::token;
use crate::Web;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    action_execution_details: Vec<Detail>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

/// `ActionExecutionDetail`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Detail {
    pipeline_execution_id: ExecutionId,
    action_execution_id: String,
    pipeline_version: u32,
    stage_name: StageName,
    action_name: ActionName,
    start_time: Moment,
    last_update_time: Moment,
    #[serde(skip_serializing_if = "Option::is_none")]
    updated_by: Option<String>,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    input: Option<DetailInput>,
    output: DetailOutput,
}

/// `ActionExecutionInput`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DetailInput {
    action_type_id: ActionType,
    configuration: BTreeMap<String, String>,
    resolved_configuration: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    role_arn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<String>,
    input_artifacts: Vec<Located>,
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<Namespace>,
}

/// `ActionExecutionOutput`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DetailOutput {
    output_artifacts: Vec<Located>,
    execution_result: ExecutionResult,
    output_variables: BTreeMap<String, String>,
}

/// `ArtifactDetail`.
#[derive(Serialize)]
struct Located {
    name: ArtifactName,
    #[serde(rename = "s3location", skip_serializing_if = "Option::is_none")]
    location: Option<Location>,
}

#[derive(Serialize)]
struct Location {
    bucket: String,
    key: String,
}

impl Located {
    fn of(artifact: &Artifact) -> Self {
        let location = Location { bucket: artifact.bucket.clone(), key: artifact.key.clone() };
        Self { name: artifact.name.clone(), location: Some(location) }
    }
}

/// `ActionExecutionResult`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ExecutionResult {
    #[serde(skip_serializing_if = "Option::is_none")]
    external_execution_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    external_execution_summary: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    external_execution_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_details: Option<ErrorDetails>,
}

/// Which attempts are asked for.
#[derive(Default)]
struct Filter {
    execution: Option<ExecutionId>,
    latest_only: bool,
}

impl Filter {
    /// What the attempts of `pipeline` that it lets through are called in a token.
    fn list(&self, pipeline: &PipelineName) -> String {
        let execution = self.execution.as_ref().map_or("", ExecutionId::as_str);
        format!("actions/{pipeline}/{execution}/{}", self.latest_only)
    }
}

pub(crate) async fn list(call: Call<'_>) -> Answer {
    let name: PipelineName = call.input.id("pipelineName")?;
    let filter = filter(call.input)?;
    let limit = usize::try_from(call.input.count("maxResults", 100)?.unwrap_or(100)).unwrap_or(100);
    let list = filter.list(&name);
    let from = token::read(call.input, &list)?.map(|place| Place::parse(&place)).transpose()?;
    call.web.query.definition(&name, None).await?;
    let mut reader = Reader { web: call.web, name: &name, filter: &filter, limit, details: Vec::new() };
    let next = reader.read(from).await?;
    let next_token = next.map(|place| token::write(&list, &format!("{}/{}", place.sequence, place.skip)));
    call.answer(&Listed { action_execution_details: reader.details, next_token })
}

fn filter(input: Input<'_>) -> Result<Filter, ApiError> {
    let Some(filter) = input.structure("filter")? else {
        return Ok(Filter::default());
    };
    let execution = filter.optional_id("pipelineExecutionId")?;
    let Some(latest) = filter.structure("latestInPipelineExecution")? else {
        return Ok(Filter { execution, latest_only: false });
    };
    let latest_only = latest.one_of("startTimeRange", &[("Latest", true), ("All", false)])?;
    Ok(Filter { execution: Some(latest.id("pipelineExecutionId")?), latest_only })
}

/// Where a page begins: at an execution, by its admission number, after some of its attempts.
struct Place {
    sequence: u64,
    skip: usize,
}

impl Place {
    fn parse(text: &str) -> Result<Self, ApiError> {
        let (sequence, skip) = text.split_once('/').ok_or_else(token::invalid)?;
        let sequence = sequence.parse().map_err(|_| token::invalid())?;
        Ok(Self { sequence, skip: skip.parse().map_err(|_| token::invalid())? })
    }
}

/// Collects one page.
struct Reader<'a> {
    web: &'a Web,
    name: &'a PipelineName,
    filter: &'a Filter,
    limit: usize,
    details: Vec<Detail>,
}

/// How many executions are read at a time.
const BATCH: usize = 20;

impl Reader<'_> {
    /// Fills the page and says where the next one begins.
    async fn read(&mut self, from: Option<Place>) -> Result<Option<Place>, ApiError> {
        let mut skip = from.as_ref().map_or(0, |place| place.skip);
        let mut before = from.map(|place| place.sequence.saturating_add(1));
        loop {
            let batch = self.batch(before).await?;
            for execution in &batch {
                if let Some(place) = self.execution(execution, skip).await? {
                    return Ok(Some(place));
                }
                skip = 0;
                before = Some(execution.sequence);
            }
            if self.filter.execution.is_some() || batch.len() < BATCH {
                return Ok(None);
            }
        }
    }

    async fn batch(&self, before: Option<u64>) -> Result<Vec<Arc<Execution>>, ApiError> {
        match &self.filter.execution {
            Some(id) => Ok(vec![self.web.query.raw_execution(self.name, id).await?]),
            None => Ok(self.web.query.executions(self.name, before, BATCH).await?),
        }
    }

    /// Adds the attempts of one execution; says where to go on if the page is full before they end.
    async fn execution(&mut self, execution: &Execution, skip: usize) -> Result<Option<Place>, ApiError> {
        let (_, pipeline, _) = self.web.query.definition(self.name, Some(execution.definition)).await?;
        let mut attempts = self.web.query.attempts(self.name, &execution.id).await?;
        if self.filter.latest_only {
            attempts.retain(|history| execution.attempt(&history.id).is_some());
        }
        attempts.reverse();
        for (index, history) in attempts.iter().enumerate().skip(skip) {
            if self.details.len() == self.limit {
                return Ok(Some(Place { sequence: execution.sequence, skip: index }));
            }
            let detail = self.detail(execution, &pipeline, history).await?;
            self.details.push(detail);
        }
        Ok(None)
    }

    async fn detail(
        &self,
        execution: &Execution,
        pipeline: &Pipeline,
        history: &AttemptHistory,
    ) -> Result<Detail, ApiError> {
        let AttemptHistory { id, attempt } = history;
        let action = pipeline.stage(&id.stage).and_then(|stage| stage.action(&id.action));
        let input = match action {
            Some(action) => {
                let resolved =
                    self.web.query.resolved_configuration(pipeline, execution, &id.stage, action).await?;
                Some(input(execution, action, resolved))
            }
            None => None,
        };
        let output_variables =
            if attempt.has_variables { self.web.query.variables(id).await? } else { BTreeMap::new() };
        Ok(Detail {
            pipeline_execution_id: id.execution.clone(),
            action_execution_id: id.token(),
            pipeline_version: execution.definition.0,
            stage_name: id.stage.clone(),
            action_name: id.action.clone(),
            start_time: Moment(attempt.started_at.unwrap_or(attempt.scheduled_at)),
            last_update_time: Moment(attempt.ended_at.or(attempt.started_at).unwrap_or(attempt.scheduled_at)),
            updated_by: attempt.verdict.as_ref().map(|verdict| verdict.by.clone()),
            status: ActionStanding::from(attempt.status).as_str(),
            input,
            output: DetailOutput {
                output_artifacts: attempt.artifacts.iter().map(Located::of).collect(),
                execution_result: self.result(execution, action, id, attempt),
                output_variables,
            },
        })
    }

    fn result(
        &self,
        execution: &Execution,
        action: Option<&Action>,
        id: &AttemptId,
        attempt: &Attempt,
    ) -> ExecutionResult {
        let token = (waits_in_parallel(execution, action) && !attempt.status.is_terminal())
            .then(|| self.web.approvals.api_token(id));
        let external = attempt.external.as_ref();
        let error = attempt.error.as_ref();
        ExecutionResult {
            external_execution_id: token.or_else(|| external.map(|external| external.id.clone())),
            external_execution_summary: attempt.summary.clone(),
            external_execution_url: external.and_then(|external| external.url.clone()),
            error_details: error
                .map(|error| ErrorDetails { code: error.code.to_string(), message: error.message.clone() }),
        }
    }
}

/// In PARALLEL mode `GetPipelineState` cannot show the token of each waiting approval, so it is shown here
/// (CodePipeline user guide, "Approve or reject an approval action").
fn waits_in_parallel(execution: &Execution, action: Option<&Action>) -> bool {
    execution.mode == ExecutionMode::Parallel
        && action.is_some_and(|action| action.action_type_id.category == Category::Approval)
}

fn input(
    execution: &Execution,
    action: &Action,
    resolved_configuration: BTreeMap<String, String>,
) -> DetailInput {
    let stages = execution.inherited.iter().chain(&execution.stages);
    let produced: Vec<&Artifact> =
        stages.flat_map(|stage| stage.actions.values()).flat_map(|attempt| &attempt.artifacts).collect();
    let located = |name: &ArtifactName| {
        let found = produced.iter().find(|artifact| artifact.name == *name);
        found.map_or_else(|| Located { name: name.clone(), location: None }, |artifact| Located::of(artifact))
    };
    DetailInput {
        action_type_id: action.action_type_id.clone(),
        configuration: action.configuration.clone(),
        resolved_configuration,
        role_arn: action.role_arn.clone(),
        region: action.region.clone(),
        input_artifacts: action.input_artifacts.iter().map(|artifact| located(&artifact.name)).collect(),
        namespace: action.namespace.clone(),
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Rules {
    rule_execution_details: [(); 0],
}

/// Stages have no conditions here yet, so no rule was ever carried out.
pub(crate) async fn rules(call: Call<'_>) -> Answer {
    let name: PipelineName = call.input.id("pipelineName")?;
    call.web.query.definition(&name, None).await?;
    call.answer(&Rules { rule_execution_details: [] })
}
