//! Under which role and in which region an action calls AWS.
//!
//! The functions themselves may only assume roles: an action runs under its own role, else its pipeline's, else the
//! installation's default one, which trusts us with an external id. The session's name carries the pipeline, so that a
//! role can trust certain pipelines only (`sts:RoleSessionName`).

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use aws_config::sts::AssumeRoleProvider;
use aws_credential_types::provider::SharedCredentialsProvider;
use penstock_app::port::PortError;
use penstock_app::port::provider::Work;
use penstock_model::id::PipelineName;

use crate::sdk::Sdk;
use crate::session::session_name;

/// Gives each action the clients' configuration that it runs with.
#[derive(Debug, Clone)]
pub struct Access(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    sdk: Sdk,
    default_role: Option<String>,
    external_id: Option<String>,
    /// Assumed roles are kept: their credentials are renewed by themselves.
    assumed: Mutex<BTreeMap<Assumed, SharedCredentialsProvider>>,
}

/// A role in the name of a pipeline. No pipeline gets what was assumed for another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Assumed {
    role: String,
    session: String,
}

/// What an action may do without a role of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WithoutRole {
    /// It runs under the installation's default action role: CodeBuild and Commands, more by a parameter.
    DefaultRole,
    /// It is refused: it needs a role of its own or its pipeline's.
    Refused,
}

impl Access {
    /// Roles assumed with the credentials of `sdk`. Without a `default_role`, as in tests and on a laptop with
    /// credentials, an action without a role runs with the credentials of `sdk` itself.
    pub fn new(sdk: Sdk, default_role: Option<String>, external_id: Option<String>) -> Self {
        Self(Arc::new(Inner { sdk, default_role, external_id, assumed: Mutex::default() }))
    }

    /// The configuration for `work`.
    ///
    /// # Errors
    /// Permanent, with the way out, if it has no role and may not use the default one.
    pub async fn of(&self, work: &Work, without_role: WithoutRole) -> Result<Sdk, PortError> {
        let inner = &self.0;
        let region = work.action.region.as_deref();
        let role = match (&work.role_arn, &inner.default_role, without_role) {
            (Some(role), _, _) | (None, Some(role), WithoutRole::DefaultRole) => role,
            (None, None, _) => return Ok(inner.sdk.acting_as(None, region)),
            (None, Some(_), WithoutRole::Refused) => {
                return Err(PortError::permanent(format!(
                    "run action `{}`: it has no role, and the default action role serves CodeBuild and Commands only; set roleArn on the action or its pipeline",
                    work.action.name
                )));
            }
        };
        Ok(inner.sdk.acting_as(Some(self.assume(role, &work.pipeline).await), region))
    }

    /// The installation's own region, where its bucket is.
    pub fn region(&self) -> &str {
        self.0.sdk.region()
    }

    async fn assume(&self, role: &str, pipeline: &PipelineName) -> SharedCredentialsProvider {
        let inner = &self.0;
        let key = Assumed { role: role.to_owned(), session: session_name(pipeline) };
        let known = inner.assumed.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        if let Some(known) = known {
            return known;
        }
        let builder = AssumeRoleProvider::builder(role).session_name(key.session.as_str());
        let mut builder = builder.configure(inner.sdk.config());
        if let Some(external_id) = &inner.external_id {
            builder = builder.external_id(external_id);
        }
        let made = SharedCredentialsProvider::new(builder.build().await);
        inner.assumed.lock().unwrap_or_else(PoisonError::into_inner).insert(key, made.clone());
        made
    }
}
