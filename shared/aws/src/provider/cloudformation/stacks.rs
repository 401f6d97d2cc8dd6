//! The calls that look at stacks, delete them and cancel their updates.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use aws_sdk_cloudformation::Client;
use aws_sdk_cloudformation::types::{EventFilter, OperationEvent, StackEvent};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::operation::{Event, Operation, Reader};
use crate::error::port_error;
use crate::provider::failure::Failure;

/// A stack as it is described.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Stack {
    /// Its ARN.
    pub(super) id: String,
    pub(super) status: String,
    pub(super) outputs: BTreeMap<String, String>,
}

/// The stack with this name or id. A deleted one is found by its id only.
pub(super) async fn describe(client: &Client, name: &str) -> Result<Option<Stack>, Failure> {
    let answer = match client.describe_stacks().stack_name(name).send().await {
        Ok(answer) => answer,
        Err(error) if is_absent(&error) => return Ok(None),
        Err(error) => return Err(Failure::of_look(&format!("look at the stack `{name}`"), &error)),
    };
    Ok(answer.stacks().first().map(|stack| Stack {
        id: stack.stack_id().unwrap_or(name).to_owned(),
        status: stack.stack_status().map_or("", |status| status.as_str()).to_owned(),
        outputs: stack
            .outputs()
            .iter()
            .filter_map(|output| Some((output.output_key()?.to_owned(), output.output_value()?.to_owned())))
            .collect(),
    }))
}

/// Whether a refusal means that there is no such stack.
pub(super) fn is_absent(error: &impl ProvideErrorMetadata) -> bool {
    error.code() == Some("ValidationError") && error.message().unwrap_or_default().contains("does not exist")
}

/// The operation on the stack that was started under `token`, no earlier than `since` (seconds since 1970).
pub(super) async fn operation(
    client: &Client,
    stack_id: &str,
    token: &str,
    since: i64,
) -> Result<Option<Operation>, Failure> {
    let mut reader = Reader::new(token);
    let mut page = None;
    loop {
        let answer = client.describe_stack_events().stack_name(stack_id).set_next_token(page).send().await;
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) if is_absent(&error) => return Ok(None),
            Err(error) => return Err(Failure::of_look(&format!("read the events of `{stack_id}`"), &error)),
        };
        for event in answer.stack_events() {
            let too_old = event.timestamp().is_some_and(|at| at.secs() < since);
            if too_old || reader.take(simple(event, stack_id)) == ControlFlow::Break(()) {
                return Ok(reader.found());
            }
        }
        page = answer.next_token().map(ToOwned::to_owned);
        if page.is_none() {
            return Ok(reader.found());
        }
    }
}

fn simple(event: &StackEvent, stack_id: &str) -> Event {
    let text = |value: Option<&str>| value.unwrap_or_default().to_owned();
    Event {
        token: text(event.client_request_token()),
        is_stack: event.physical_resource_id() == Some(stack_id),
        logical_id: text(event.logical_resource_id()),
        kind: text(event.resource_type()),
        status: text(event.resource_status().map(aws_sdk_cloudformation::types::ResourceStatus::as_str)),
        reason: text(event.resource_status_reason()),
    }
}

/// What of the stack was refused before anything of it was deployed: of that the stack's events only say that there is
/// something (`CloudFormation` API reference, `DescribeEvents`). A role that may not ask for it is told without.
pub(super) async fn refusal(client: &Client, stack_id: &str, token: &str) -> Option<String> {
    let failed = EventFilter::builder().failed_events(true).build();
    let answer = match client.describe_events().stack_name(stack_id).filters(failed).send().await {
        Ok(answer) => answer,
        Err(error) => {
            let error = port_error(&format!("look at what was refused of `{stack_id}`"), &error);
            tracing::warn!(%error, "a failure is told without the resource");
            return None;
        }
    };
    let ours = |event: &&OperationEvent| event.client_request_token().is_none_or(|it| it == token);
    let mut refused = answer.operation_events().iter().filter(ours);
    refused.find_map(|event| {
        let reason = event.validation_status_reason()?;
        let (id, kind) = (event.logical_resource_id()?, event.resource_type().unwrap_or_default());
        Some(format!("`{id}` ({kind}): {reason}"))
    })
}

/// Begins to delete the stack; one that is gone already is left alone.
pub(super) async fn delete(
    client: &Client,
    stack_id: &str,
    role: Option<&str>,
    token: &str,
) -> Result<(), Failure> {
    let call = client.delete_stack().stack_name(stack_id).set_role_arn(role.map(ToOwned::to_owned));
    match call.client_request_token(token).send().await {
        Ok(_) => Ok(()),
        Err(error) if is_absent(&error) || is_repeated(&error) => Ok(()),
        Err(error) => Err(Failure::of_call(&format!("delete the stack `{stack_id}`"), &error)),
    }
}

/// Whether a refusal means that the same call was taken before.
pub(super) fn is_repeated(error: &impl ProvideErrorMetadata) -> bool {
    error.code().is_some_and(|code| code.starts_with("TokenAlreadyExists"))
}

/// Begins to take an update back; one that ends meanwhile is left alone.
pub(super) async fn cancel_update(client: &Client, stack_id: &str, token: &str) -> Result<(), Failure> {
    let call = client.cancel_update_stack().stack_name(stack_id).client_request_token(token);
    match call.send().await {
        Ok(_) => Ok(()),
        Err(error) if error.code() == Some("ValidationError") || is_repeated(&error) => Ok(()),
        Err(error) => Err(Failure::of_call(&format!("cancel the update of `{stack_id}`"), &error)),
    }
}
