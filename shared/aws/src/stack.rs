//! An installation's stack: how it stands, what it puts out, what it is made of.

use std::collections::BTreeMap;

use aws_sdk_cloudformation::Client;
use aws_sdk_cloudformation::error::ProvideErrorMetadata;
use aws_sdk_cloudformation::types::StackResourceSummary;
use penstock_app::port::PortError;

use crate::error::port_error;
use crate::sdk::Sdk;

/// Reads stacks.
#[derive(Debug, Clone)]
pub struct Stacks(Client);

/// A stack as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Stack {
    /// Its name.
    pub name: String,
    /// Its ARN, which holds the region and the account.
    pub arn: String,
    /// Such as `UPDATE_COMPLETE`.
    pub status: String,
    /// Why it stands so, where `CloudFormation` says.
    pub reason: Option<String>,
    /// What it puts out, by key.
    pub outputs: BTreeMap<String, String>,
    /// What it was given, by key; secret values are masked by `CloudFormation`.
    pub parameters: BTreeMap<String, String>,
}

/// A part of a stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    /// Its name in the template.
    pub logical_id: String,
    /// Such as `AWS::SQS::Queue`.
    pub kind: String,
    /// Its name in its service: a queue's URL, a role's name; empty while it is being made.
    pub physical_id: String,
}

impl Stack {
    /// The account that it is in; empty where its ARN says nothing.
    pub fn account(&self) -> &str {
        self.arn.split(':').nth(4).unwrap_or_default()
    }

    /// The region that it is in; empty where its ARN says nothing.
    pub fn region(&self) -> &str {
        self.arn.split(':').nth(3).unwrap_or_default()
    }
}

impl Stacks {
    /// Stacks of the configuration's account and region.
    pub fn new(sdk: &Sdk) -> Self {
        let config = aws_sdk_cloudformation::config::Builder::from(sdk.config());
        Self(Client::from_conf(config.interceptor(sdk.interceptor()).build()))
    }

    /// The stack called `name`, if there is one.
    ///
    /// # Errors
    /// If it could not be asked for.
    pub async fn find(&self, name: &str) -> Result<Option<Stack>, PortError> {
        let found = match self.0.describe_stacks().stack_name(name).send().await {
            Ok(found) => found,
            // CloudFormation API reference, DescribeStacks: a stack that is not there is a ValidationError.
            Err(error) if error.message().is_some_and(|message| message.contains("does not exist")) => {
                return Ok(None);
            }
            Err(error) => return Err(port_error(&format!("describe the stack `{name}`"), &error)),
        };
        Ok(found.stacks().first().map(stack))
    }

    /// What the stack called `name` is made of.
    ///
    /// # Errors
    /// If it could not be asked for.
    pub async fn resources(&self, name: &str) -> Result<Vec<Resource>, PortError> {
        let mut pages = self.0.list_stack_resources().stack_name(name).into_paginator().send();
        let mut resources = vec![];
        while let Some(page) = pages.next().await {
            let page = page
                .map_err(|error| port_error(&format!("list the resources of the stack `{name}`"), &error))?;
            resources.extend(page.stack_resource_summaries().iter().map(resource));
        }
        Ok(resources)
    }
}

fn stack(found: &aws_sdk_cloudformation::types::Stack) -> Stack {
    let outputs = found.outputs().iter();
    let parameters = found.parameters().iter();
    Stack {
        name: found.stack_name().unwrap_or_default().to_owned(),
        arn: found.stack_id().unwrap_or_default().to_owned(),
        status: found.stack_status().map(|status| status.as_str().to_owned()).unwrap_or_default(),
        reason: found.stack_status_reason().map(str::to_owned),
        outputs: outputs.filter_map(|it| pair(it.output_key(), it.output_value())).collect(),
        parameters: parameters.filter_map(|it| pair(it.parameter_key(), it.parameter_value())).collect(),
    }
}

fn pair(key: Option<&str>, value: Option<&str>) -> Option<(String, String)> {
    Some((key?.to_owned(), value?.to_owned()))
}

fn resource(found: &StackResourceSummary) -> Resource {
    Resource {
        logical_id: found.logical_resource_id().unwrap_or_default().to_owned(),
        kind: found.resource_type().unwrap_or_default().to_owned(),
        physical_id: found.physical_resource_id().unwrap_or_default().to_owned(),
    }
}
