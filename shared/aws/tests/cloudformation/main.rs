//! `CloudFormation` actions against an emulator.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod change_sets;
#[path = "../connector/mod.rs"]
mod connector;
mod failures;
mod faults;
#[path = "../performed/mod.rs"]
mod performed;
#[path = "../recorder/mod.rs"]
mod recorder;
mod repetition;
mod requests;
mod stacks;
mod stage;
mod stops;

use std::sync::Arc;

use penstock_app::port::provider::{Done, Ending};
use penstock_aws::access::WithoutRole;
use penstock_aws::provider::cloudformation::CloudFormation;
use penstock_model::pipeline::Category;
use penstock_testkit::build::{ActionBuilder, action};

use stage::Stage;

/// A template with one parameter (SSM), of value `Value`.
const TEMPLATE: &str = r"
Parameters:
  Value: {Type: String, Default: one}
  Other: {Type: String, Default: other}
Resources:
  Setting:
    Type: AWS::SSM::Parameter
    Properties: {Type: String, Value: !Ref Value}
Outputs:
  Chosen: {Value: !Ref Value}
  Second: {Value: !Ref Other}
";

/// A template whose second parameter (SSM) has the name `Name`, which may be taken.
const TAKING: &str = r"
Parameters:
  Name: {Type: String, Default: /not/given}
Resources:
  First:
    Type: AWS::SSM::Parameter
    Properties: {Type: String, Value: ours}
  Setting:
    Type: AWS::SSM::Parameter
    DependsOn: First
    Properties: {Type: String, Name: !Ref Name, Value: ours}
";

fn provider(stage: &Stage) -> CloudFormation {
    CloudFormation::new(stage.access.clone(), Arc::clone(&stage.artifacts) as _, WithoutRole::Refused)
}

/// An action that takes the template out of the artifact `App`.
fn deploys(mode: &str, stack: &str) -> ActionBuilder {
    action("Deploy", Category::Deploy, "CloudFormation")
        .consumes("App")
        .set("ActionMode", mode)
        .set("StackName", stack)
        .set("TemplatePath", "App::template.yml")
}

fn succeeded(ending: Ending) -> Done {
    let Ending::Succeeded(done) = ending else { panic!("{ending:?}") };
    *done
}

/// The message of a failure.
fn failed(ending: Ending) -> String {
    let Ending::Failed { error, .. } = ending else { panic!("{ending:?}") };
    error.message
}

fn client(stage: &Stage) -> aws_sdk_cloudformation::Client {
    aws_sdk_cloudformation::Client::new(&stage.config)
}

/// Others' parameter `name`, so that no stack can create one of that name.
async fn taken(stage: &Stage, name: &str) -> aws_sdk_ssm::Client {
    let ssm = aws_sdk_ssm::Client::new(&stage.config);
    let put =
        ssm.put_parameter().name(name).value("theirs").r#type(aws_sdk_ssm::types::ParameterType::String);
    put.send().await.unwrap();
    ssm
}

/// How often the stack began something: the tokens of those events, the oldest first.
async fn beginnings(stage: &Stage, stack: &str, status: &str) -> Vec<String> {
    let events = client(stage).describe_stack_events().stack_name(stack).send().await.unwrap();
    let about_stack = events.stack_events().iter().rev().filter(|event| {
        event.physical_resource_id() == event.stack_id()
            && event.resource_status().is_some_and(|it| it.as_str() == status)
    });
    about_stack.map(|event| event.client_request_token().unwrap_or_default().to_owned()).collect()
}
