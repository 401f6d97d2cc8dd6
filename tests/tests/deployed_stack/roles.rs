//! Roles as a team makes them for its actions.

use aws_sdk_iam::types::Tag;
use serde_json::{Value as Json, json};

use crate::stack::Stack;

/// A role called `name` that trusts the stack's functions under the external id and has these rights; its ARN.
pub(crate) async fn role(stack: &Stack, name: &str, rights: &Json) -> String {
    let functions: Vec<_> = stack.output("TrustedRoleArns").split(',').collect();
    let trust = json!({
        "Effect": "Allow", "Principal": {"AWS": functions}, "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {"sts:ExternalId": stack.output("ExternalId")}},
    });
    make(stack, name, &trust, rights).await
}

/// A role called `name` that a function may have, with these rights; its ARN.
pub(crate) async fn role_of_a_function(stack: &Stack, name: &str, rights: &Json) -> String {
    let lambda = json!({"Service": "lambda.amazonaws.com"});
    let trust = json!({"Effect": "Allow", "Principal": lambda, "Action": "sts:AssumeRole"});
    make(stack, name, &trust, rights).await
}

async fn make(stack: &Stack, name: &str, trust: &Json, rights: &Json) -> String {
    let iam = aws_sdk_iam::Client::new(&stack.sdk());
    let policy = |statements: &Json| json!({"Version": "2012-10-17", "Statement": statements}).to_string();
    let tag = Tag::builder().key("penstock:assumable").value("true").build().unwrap();
    let create = iam.create_role().role_name(name).assume_role_policy_document(policy(&json!([trust])));
    let role = create.tags(tag).send().await.unwrap();
    let put = iam.put_role_policy().role_name(name).policy_name("rights");
    put.policy_document(policy(rights)).send().await.unwrap();
    role.role.unwrap().arn
}
