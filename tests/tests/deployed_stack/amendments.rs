//! What the emulator does otherwise than AWS, made up for after each deployment.
//!
//! - It takes plain HTTP for what the bucket's policy denies; the template's tests look at the policy.
//! - It asks for `sqs:SendMessageBatch`, which on AWS `sqs:SendMessage` grants (Amazon SQS developer guide, "Actions,
//!   resources, and condition keys"), and asks for a move task's rights on all resources.
//! - It asks for `logs:GetLogEvents` on the log group, AWS on its streams (`CloudWatch` Logs, "Actions, resources, and condition
//!   keys").
//! - It takes the ARN by which a parameter is read for the parameter's name, and asks for a right on that (Service
//!   Authorization Reference, Systems Manager: `GetParameter` is about the parameter).
//! - It takes the number of a parameter for text, and compares it with numbers.
//! - It serves no `CodeBuild`: the function that calls it is pointed at the stand-in.

use aws_sdk_lambda::types::{Environment, ScalingConfig};
use percent_encoding::percent_decode_str;
use serde_json::{Value as Json, json};

use crate::stack::Stack;

/// Makes up for all of it.
pub(crate) async fn make(stack: &Stack) {
    let s3 = aws_sdk_s3::Client::from_conf(
        aws_sdk_s3::config::Builder::from(&stack.sdk()).force_path_style(true).build(),
    );
    s3.delete_bucket_policy().bucket(stack.output("ArtifactBucket")).send().await.unwrap();
    let roles = stack.resources.iter().filter(|(name, _)| name.ends_with("Role"));
    for (name, role) in roles {
        widen(stack, name, role).await;
    }
    point_at_code_build(stack, stack.resource("ActionFunction")).await;
    for debts in ["ActionFunctionDebts", "ArtifactFunctionDebts"] {
        limit(stack, stack.resource(debts)).await;
    }
}

async fn widen(stack: &Stack, name: &str, role: &str) {
    let iam = aws_sdk_iam::Client::new(&stack.sdk());
    let policies = iam.list_role_policies().role_name(role).send().await.unwrap();
    for policy in policies.policy_names() {
        let got = iam.get_role_policy().role_name(role).policy_name(policy).send().await.unwrap();
        let text = percent_decode_str(&got.policy_document).decode_utf8_lossy().into_owned();
        let mut document: Json = serde_json::from_str(&text).unwrap();
        let statements = document["Statement"].as_array_mut().unwrap();
        for statement in statements.iter_mut() {
            with_log_groups(&mut statement["Resource"]);
            with_arn_as_name(&mut statement["Resource"]);
            let action = &mut statement["Action"];
            if let Json::String(one) = action {
                *action = json!([one]);
            }
            let actions = action.as_array_mut().unwrap();
            if actions.contains(&json!("sqs:SendMessage")) {
                actions.push(json!("sqs:SendMessageBatch"));
            }
        }
        if name == "SweeperRole" {
            let tasks = ["sqs:StartMessageMoveTask", "sqs:ListMessageMoveTasks"];
            statements.push(json!({"Effect": "Allow", "Action": tasks, "Resource": "*"}));
        }
        let put = iam.put_role_policy().role_name(role).policy_name(policy);
        put.policy_document(document.to_string()).send().await.unwrap();
    }
}

/// Adds to the streams of log groups the groups themselves.
fn with_log_groups(resource: &mut Json) {
    let Json::Array(resources) = resource else { return };
    let groups = resources.iter().filter_map(|it| it.as_str()?.strip_suffix(":*"));
    let groups: Vec<_> = groups.filter(|it| it.contains(":log-group:")).map(Json::from).collect();
    resources.extend(groups);
}

/// Adds to the ARN of a parameter what the emulator makes of it.
fn with_arn_as_name(resource: &mut Json) {
    let arn = resource.as_str().filter(|it| it.starts_with("arn:aws:ssm:")).map(str::to_owned);
    let Some((arn, prefix)) = arn.as_deref().and_then(|arn| Some((arn, arn.split_once("/")?.0))) else {
        return;
    };
    *resource = json!([arn, format!("{prefix}/{arn}")]);
}

async fn limit(stack: &Stack, mapping: &str) {
    let lambda = aws_sdk_lambda::Client::new(&stack.sdk());
    let limit = ScalingConfig::builder().maximum_concurrency(20).build();
    lambda.update_event_source_mapping().uuid(mapping).scaling_config(limit).send().await.unwrap();
}

async fn point_at_code_build(stack: &Stack, function: &str) {
    let lambda = aws_sdk_lambda::Client::new(&stack.sdk());
    let now = lambda.get_function_configuration().function_name(function).send().await.unwrap();
    let mut variables = now.environment().and_then(|it| it.variables()).cloned().unwrap_or_default();
    variables.insert("AWS_ENDPOINT_URL_CODEBUILD".to_owned(), stack.code_build.url());
    let environment = Environment::builder().set_variables(Some(variables)).build();
    let update = lambda.update_function_configuration().function_name(function);
    update.environment(environment).send().await.unwrap();
}
