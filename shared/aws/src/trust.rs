//! What can be known of a role before an action needs it: that it is there, whom it trusts, what it may do.

use std::collections::BTreeMap;

use aws_sdk_iam::Client;
use aws_sdk_iam::error::ProvideErrorMetadata;
use aws_sdk_iam::types::{ContextEntry, ContextKeyTypeEnum, EvaluationResult, PolicyEvaluationDecisionType};
use penstock_app::port::PortError;
use serde_json::Value as Json;

use crate::error::port_error;
use crate::sdk::Sdk;

mod policy;

pub use policy::{Asker, Trust, trust};

/// Reads roles.
#[derive(Debug, Clone)]
pub struct Roles(Client);

/// A role.
#[derive(Debug, Clone, PartialEq)]
pub struct Role {
    /// Its ARN.
    pub arn: String,
    /// Who may assume it: its trust policy.
    pub trust_policy: Json,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

/// An answer of IAM.
#[derive(Debug, Clone, PartialEq)]
pub enum Asked<T> {
    /// What was asked for.
    Known(T),
    /// There is nothing of that name.
    Absent,
    /// Whoever asks may not know; IAM's words.
    Forbidden(String),
}

/// A call that a principal may not make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denied {
    /// Such as `codebuild:StartBuild`.
    pub action: String,
    /// Whether a policy forbids it outright, rather than none allowing it.
    pub explicitly: bool,
}

impl Roles {
    /// Roles of the configuration's account.
    pub fn new(sdk: &Sdk) -> Self {
        let config = aws_sdk_iam::config::Builder::from(sdk.config());
        Self(Client::from_conf(config.interceptor(sdk.interceptor()).build()))
    }

    /// The role called `name`.
    ///
    /// # Errors
    /// If IAM could not be asked.
    pub async fn find(&self, name: &str) -> Result<Asked<Role>, PortError> {
        let found = match self.0.get_role().role_name(name).send().await {
            Ok(found) => found,
            Err(error) => return refused(&format!("look at the role `{name}`"), &error),
        };
        Ok(found.role().map_or(Asked::Absent, |role| {
            let tags = role.tags().iter().map(|tag| (tag.key().to_owned(), tag.value().to_owned()));
            let policy = role.assume_role_policy_document().map(decoded).unwrap_or_default();
            let trust_policy = serde_json::from_str(&policy).unwrap_or_default();
            Asked::Known(Role { arn: role.arn().to_owned(), trust_policy, tags: tags.collect() })
        }))
    }

    /// Which of `actions` on `resource` the policies of `principal` do not allow, where the request carries `context`.
    ///
    /// # Errors
    /// If IAM could not be asked.
    pub async fn denied(
        &self,
        principal: &str,
        actions: &[&str],
        resource: &str,
        context: &[(String, String)],
    ) -> Result<Asked<Vec<Denied>>, PortError> {
        let asked = self.0.simulate_principal_policy().policy_source_arn(principal).resource_arns(resource);
        let asked = asked.set_action_names(Some(actions.iter().map(|it| (*it).to_owned()).collect()));
        let asked = asked.set_context_entries(Some(context.iter().map(entry).collect()));
        let mut pages = asked.into_paginator().send();
        let mut denied = vec![];
        while let Some(page) = pages.next().await {
            match page {
                Ok(page) => denied.extend(page.evaluation_results().iter().filter_map(denial)),
                Err(error) => return refused(&format!("ask what `{principal}` may do"), &error),
            }
        }
        Ok(Asked::Known(denied))
    }
}

/// What IAM's refusal to answer means.
fn refused<T, E, R>(
    what: &str,
    error: &aws_smithy_runtime_api::client::result::SdkError<E, R>,
) -> Result<Asked<T>, PortError>
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
    R: std::fmt::Debug + 'static,
{
    match error.code() {
        Some("NoSuchEntity" | "NoSuchEntityException") => Ok(Asked::Absent),
        Some("AccessDenied" | "AccessDeniedException") => {
            Ok(Asked::Forbidden(error.message().unwrap_or("access denied").to_owned()))
        }
        Some(_) | None => Err(port_error(what, error)),
    }
}

fn entry((key, value): &(String, String)) -> ContextEntry {
    ContextEntry::builder()
        .context_key_name(key)
        .context_key_values(value)
        .context_key_type(ContextKeyTypeEnum::String)
        .build()
}

fn denial(result: &EvaluationResult) -> Option<Denied> {
    let decision = result.eval_decision();
    (*decision != PolicyEvaluationDecisionType::Allowed).then(|| Denied {
        action: result.eval_action_name().to_owned(),
        explicitly: *decision == PolicyEvaluationDecisionType::ExplicitDeny,
    })
}

/// IAM percent-encodes policy documents (RFC 3986).
fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let code = (bytes[at] == b'%').then(|| text.get(at + 1..at + 3)).flatten();
        match code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            Some(byte) => {
                decoded.push(byte);
                at += 3;
            }
            None => {
                decoded.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

#[cfg(test)]
mod tests {
    #[test]
    fn policies_are_decoded_once() {
        assert_eq!(super::decoded("%7B%22a%22%3A%2250%25%22%7D"), r#"{"a":"50%"}"#);
        assert_eq!(super::decoded(r#"{"plain":"ü"}"#), r#"{"plain":"ü"}"#);
    }
}
