//! A stack of this project's template with what the program reads of it: everything but functions and what calls them.

use std::collections::BTreeMap;
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::{Map, Value as Json, json};

use crate::account::{ACCOUNT, fresh};
use crate::document::Template;

/// What the emulator makes without functions.
const KEPT: [&str; 7] = [
    "AWS::CloudWatch::Alarm",
    "AWS::DynamoDB::Table",
    "AWS::IAM::Role",
    "AWS::S3::Bucket",
    "AWS::SNS::Topic",
    "AWS::SQS::Queue",
    "AWS::SecretsManager::Secret",
];
/// The roles that its outputs name.
const ROLES: [&str; 3] = ["ActionRole", "ArtifactRole", "DefaultActionRole"];

/// A stack in the account.
pub(crate) struct Stack {
    pub(crate) name: String,
    pub(crate) outputs: BTreeMap<String, String>,
    /// Physical ids by logical ones.
    resources: BTreeMap<String, String>,
}

impl Stack {
    /// Creates one whose API is at `api`.
    pub(crate) fn create(api: &str) -> Self {
        Self::with(api, &[])
    }

    /// The same with these parameters.
    pub(crate) fn with(api: &str, parameters: &[(&str, &str)]) -> Self {
        let (name, cloudformation) = (fresh("penstock"), |operation: &str, input: Json| {
            ACCOUNT.caller.call("cloudformation", operation, &input)
        });
        let body = template(api).to_string();
        let given = |(key, value): &(&str, &str)| json!({"ParameterKey": key, "ParameterValue": value});
        let parameters: Vec<Json> = parameters.iter().map(given).collect();
        let capabilities = ["CAPABILITY_IAM"];
        let input = json!({
            "StackName": name, "TemplateBody": body, "Capabilities": capabilities, "Parameters": parameters
        });
        cloudformation("create_stack", input);
        let deadline = Instant::now() + Duration::from_secs(60);
        let found = loop {
            let found = cloudformation("describe_stacks", json!({"StackName": name}))["Stacks"][0].clone();
            if found["StackStatus"] == "CREATE_COMPLETE" {
                break found;
            }
            let events = || cloudformation("describe_stack_events", json!({"StackName": name}));
            assert!(
                found["StackStatus"] == "CREATE_IN_PROGRESS" && Instant::now() < deadline,
                "{found}: {}",
                events()
            );
            sleep(Duration::from_millis(50));
        };
        let listed = cloudformation("describe_stack_resources", json!({"StackName": name}));
        Self {
            outputs: pairs(&found["Outputs"], "OutputKey", "OutputValue"),
            resources: pairs(&listed["StackResources"], "LogicalResourceId", "PhysicalResourceId"),
            name,
        }
    }

    /// What the resource with this name in the template is called.
    pub(crate) fn resource(&self, logical_id: &str) -> &str {
        &self.resources[logical_id]
    }
}

fn pairs(list: &Json, key: &str, value: &str) -> BTreeMap<String, String> {
    let text = |item: &Json, name: &str| item[name].as_str().unwrap().to_owned();
    list.as_array().unwrap().iter().map(|item| (text(item, key), text(item, value))).collect()
}

fn template(api: &str) -> Json {
    let mut template = Template::load().0;
    let whole = template.as_object_mut().unwrap();
    whole.retain(|key, _| !matches!(key.as_str(), "Transform" | "Globals" | "Metadata"));
    let resources = whole["Resources"].as_object_mut().unwrap();
    resources.retain(|name, resource| {
        let kind = resource["Type"].as_str().unwrap();
        KEPT.contains(&kind) && (kind != "AWS::IAM::Role" || ROLES.contains(&name.as_str()))
    });
    for resource in resources.values_mut() {
        without_functions(resource.as_object_mut().unwrap());
    }
    let outputs = whole["Outputs"].as_object_mut().unwrap();
    outputs.remove("TransitionFunctionName");
    outputs["SweeperFunctionName"]["Value"] = json!("sweeper");
    outputs["ApiUrl"]["Value"] = json!(api);
    outputs["WebhookUrl"]["Value"] = json!(format!("{api}/webhooks/github"));
    outputs["CommandsProject"]["Value"] = json!({"Fn::Sub": "${AWS::StackName}-commands"});
    template
}

/// What names functions and projects, or needs the transformations of the template.
fn without_functions(resource: &mut Map<String, Json>) {
    resource.retain(|key, _| !matches!(key.as_str(), "DeletionPolicy" | "UpdateReplacePolicy"));
    let properties = resource["Properties"].as_object_mut().unwrap();
    properties.remove("Dimensions");
    properties.remove("ManagedPolicyArns");
    let statements = properties.get_mut("Policies").and_then(|it| it.get_mut(0));
    let statements = statements.map(|policy| &mut policy["PolicyDocument"]["Statement"]);
    let Some(statements) = statements.and_then(Json::as_array_mut) else { return };
    statements.retain(|statement| statement["Effect"] == "Allow");
    for statement in statements {
        statement["Resource"] = json!("*");
        statement.as_object_mut().unwrap().remove("Condition");
    }
}
