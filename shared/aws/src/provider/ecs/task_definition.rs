//! Task definitions: read the one in use, register a copy or a filled-in template once for each attempt.

use aws_sdk_ecs::Client;
use aws_sdk_ecs::config::Builder;
use aws_sdk_ecs::types::{SortOrder, Tag, TaskDefinition, TaskDefinitionField};
use aws_smithy_types::body::SdkBody;
use serde_json::{Value, json};

use penstock_app::engine::state::ErrorCode;

use crate::provider::failure::Failure;
use crate::sdk::Sdk;

/// The tag that says which attempt registered a definition.
pub(crate) const TAG: &str = "penstock:attempt";
/// How many of a family's newest definitions are looked at for ours.
const LOOKED_AT: i32 = 10;
/// Members of a described definition that cannot be registered.
const READ_ONLY: [&str; 9] = [
    "taskDefinitionArn",
    "revision",
    "status",
    "requiresAttributes",
    "compatibilities",
    "registeredAt",
    "registeredBy",
    "deregisteredAt",
    "deleteRequestedAt",
];

/// A client for what an action may do.
pub(crate) fn client(sdk: &Sdk) -> Client {
    Client::from_conf(Builder::from(sdk.config()).interceptor(sdk.interceptor()).build())
}

/// A definition with its tags.
pub(crate) async fn describe(client: &Client, arn: &str) -> Result<(TaskDefinition, Vec<Tag>), Failure> {
    let found = client
        .describe_task_definition()
        .task_definition(arn)
        .include(TaskDefinitionField::Tags)
        .send()
        .await
        .map_err(|error| Failure::of_call(&format!("read the task definition {arn}"), &error))?;
    let tags = found.tags.unwrap_or_default();
    found.task_definition.map(|definition| (definition, tags)).ok_or_else(|| {
        Failure::configuration(format!("the task definition {arn} has no content; register it anew"))
    })
}

/// Whether the attempt with this token registered the definition at `arn`.
pub(crate) async fn is_of(client: &Client, arn: &str, token: &str) -> Result<bool, Failure> {
    let (_, tags) = describe(client, arn).await?;
    Ok(tags.iter().any(|tag| tag.key() == Some(TAG) && tag.value() == Some(token)))
}

/// Registers `definition`, a copy of another one, and says its ARN. With `again`, one that the attempt registered
/// before is taken.
#[expect(deprecated, reason = "a definition that still has inference accelerators is copied with them")]
pub(crate) async fn register(
    client: &Client,
    definition: TaskDefinition,
    tags: Vec<Tag>,
    token: &str,
    again: bool,
) -> Result<String, Failure> {
    if again && let Some(found) = registered(client, definition.family().unwrap_or_default(), token).await? {
        return Ok(found);
    }
    let tags = with_token(tags, token);
    let call = client
        .register_task_definition()
        .set_family(definition.family)
        .set_task_role_arn(definition.task_role_arn)
        .set_execution_role_arn(definition.execution_role_arn)
        .set_network_mode(definition.network_mode)
        .set_container_definitions(definition.container_definitions)
        .set_volumes(definition.volumes)
        .set_placement_constraints(definition.placement_constraints)
        .set_requires_compatibilities(definition.requires_compatibilities)
        .set_cpu(definition.cpu)
        .set_memory(definition.memory)
        .set_pid_mode(definition.pid_mode)
        .set_ipc_mode(definition.ipc_mode)
        .set_proxy_configuration(definition.proxy_configuration)
        .set_inference_accelerators(definition.inference_accelerators)
        .set_ephemeral_storage(definition.ephemeral_storage)
        .set_runtime_platform(definition.runtime_platform)
        .set_enable_fault_injection(definition.enable_fault_injection)
        .set_tags(Some(tags));
    let answer =
        call.send().await.map_err(|error| Failure::of_call("register the task definition", &error))?;
    arn_of(answer.task_definition)
}

/// Registers a definition as it stands in a file; members that this release of the SDK does not know are sent too.
pub(crate) async fn register_json(
    client: &Client,
    mut definition: Value,
    token: &str,
    again: bool,
) -> Result<String, Failure> {
    let members = definition
        .as_object_mut()
        .ok_or_else(|| Failure::configuration("the task definition template is no JSON object"))?;
    members.retain(|name, _| !READ_ONLY.contains(&name.as_str()));
    let family = members.get("family").and_then(Value::as_str).unwrap_or_default().to_owned();
    if family.is_empty() {
        return Err(Failure::configuration("the task definition template has no `family`; add it"));
    }
    if again && let Some(found) = registered(client, &family, token).await? {
        return Ok(found);
    }
    let tags = members.entry("tags").or_insert_with(|| json!([]));
    if let Some(tags) = tags.as_array_mut() {
        tags.push(json!({"key": TAG, "value": token}));
    }
    let body = definition.to_string();
    let answer = client
        .register_task_definition()
        .family(family)
        .customize()
        .mutate_request(move |request| {
            request.headers_mut().insert("content-length", body.len().to_string());
            *request.body_mut() = SdkBody::from(body.clone());
        })
        .send()
        .await
        .map_err(|error| Failure::of_call("register the task definition", &error))?;
    arn_of(answer.task_definition)
}

/// The definition that the attempt with this token registered, among the newest of the family.
async fn registered(client: &Client, family: &str, token: &str) -> Result<Option<String>, Failure> {
    let newest = client
        .list_task_definitions()
        .family_prefix(family)
        .sort(SortOrder::Desc)
        .max_results(LOOKED_AT)
        .send()
        .await
        .map_err(|error| Failure::of_call(&format!("list the task definitions of {family}"), &error))?;
    for arn in newest.task_definition_arns.unwrap_or_default() {
        if is_of(client, &arn, token).await? {
            return Ok(Some(arn));
        }
    }
    Ok(None)
}

/// The tags of the copied definition, ours instead of an earlier attempt's.
fn with_token(tags: Vec<Tag>, token: &str) -> Vec<Tag> {
    let ours = Tag::builder().key(TAG).value(token).build();
    tags.into_iter()
        .filter(|tag| tag.key().is_none_or(|key| key != TAG && !key.starts_with("aws:")))
        .chain([ours])
        .collect()
}

fn arn_of(definition: Option<TaskDefinition>) -> Result<String, Failure> {
    definition.and_then(|it| it.task_definition_arn).ok_or_else(|| {
        Failure::ends(
            ErrorCode::SystemUnavailable,
            "failed to register the task definition: the answer names no ARN; retry the stage",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_belongs_to_its_own_attempt() {
        let tag = |key: &str, value: &str| Tag::builder().key(key).value(value).build();
        let copied = vec![tag("team", "web"), tag(TAG, "p-old"), tag("aws:cloudformation:stack-name", "s")];
        assert_eq!(with_token(copied, "p-new"), [tag("team", "web"), tag(TAG, "p-new")]);
    }
}
