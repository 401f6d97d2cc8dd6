//! Under which role and in which region an action calls AWS.
//!
//! The functions themselves may only assume roles: an action runs under its own role, else its pipeline's, else the
//! installation's default one. Each is asked for with an external id that carries the pipeline, so that its owner says
//! which pipelines may use it, and then with the installation's plain one; the session's name carries the pipeline too.

mod assumed;
mod external_ids;

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_sts::operation::assume_role::AssumeRoleError;
use aws_smithy_types::error::ErrorMetadata;
use penstock_app::port::PortError;
use penstock_app::port::provider::Work;
use penstock_model::id::PipelineName;

use crate::default_role::{self, DefaultRoleProviders};
use crate::error::causes;
use crate::sdk::Sdk;
use crate::session::session_name;
use crate::untrusted::Untrusted;
use assumed::AssumedRole;
use external_ids::ExternalIds;

/// Gives each action the clients' configuration that it runs with.
#[derive(Debug, Clone)]
pub struct Access(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    sdk: Sdk,
    default_role: Option<String>,
    external_id: Option<String>,
    /// Assumed roles are kept: their credentials are renewed by themselves.
    assumed: Mutex<BTreeMap<Assumed, Known>>,
}

/// A role in the name of a pipeline. No pipeline gets what was assumed for another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Assumed {
    role: String,
    session: String,
}

/// What is kept of an assumed role.
#[derive(Debug, Clone)]
struct Known {
    role: AssumedRole,
    credentials: SharedCredentialsProvider,
}

/// As short as a session of a role can be, in seconds (STS API reference, `AssumeRole`).
const SHORTEST_SECONDS: i32 = 900;
/// Codes with which STS refuses a session for good.
const REFUSALS: [&str; 3] = ["MalformedPolicyDocument", "PackedPolicyTooLarge", "ValidationError"];

/// Why a session was not given.
#[derive(Debug, Clone, PartialEq)]
pub enum NotAssumed {
    /// STS refuses it; the message completes "failed to ...".
    Refused(String),
    /// Something else, which may pass.
    Otherwise(PortError),
}

/// What an action may do without a role of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WithoutRole {
    /// It runs under the installation's default action role: CodeBuild and Commands, more by a parameter.
    DefaultRole,
    /// It is refused: it needs a role of its own or its pipeline's.
    Refused,
}

impl WithoutRole {
    /// What actions of `provider` may do where the default role serves `served`.
    pub fn of(provider: &str, served: &DefaultRoleProviders) -> Self {
        if served.serves(provider) { Self::DefaultRole } else { Self::Refused }
    }

    /// What may be done for work that may have begun: where that was under the default role, it goes on under it, whatever
    /// the installation says by now.
    #[must_use]
    pub fn once_begun(self, has_begun: bool) -> Self {
        if has_begun { Self::DefaultRole } else { self }
    }
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
        let (sdk, region) = (&self.0.sdk, work.action.region.as_deref());
        Ok(match self.role_of(work, without_role)? {
            Some(role) => sdk.acting_as(Some(self.known(role, &work.pipeline).credentials), region),
            None => sdk.acting_as(None, region),
        })
    }

    /// The role of `work`; `None` where no role is assumed.
    fn role_of<'a>(
        &'a self,
        work: &'a Work,
        without_role: WithoutRole,
    ) -> Result<Option<&'a str>, PortError> {
        let default = self.0.default_role.as_deref();
        // Whoever names the default role gets no more by it than who names none.
        let own = work.role_arn.as_deref().filter(|role| Some(*role) != default);
        match (own, default, without_role) {
            (Some(role), _, _) | (None, Some(role), WithoutRole::DefaultRole) => Ok(Some(role)),
            (None, None, _) => Ok(None),
            (None, Some(_), WithoutRole::Refused) => Err(PortError::permanent(format!(
                "run action `{}`: {}",
                work.action.name,
                default_role::without_role(&work.action.action_type_id.provider)
            ))),
        }
    }

    /// Credentials to hand to somebody else: a session of the role of `work`, as short as STS makes them, that may do
    /// no more than `policy`, a function of the role's partition, allows. `None` where no role is assumed.
    ///
    /// # Errors
    /// [`NotAssumed`], with the way out.
    pub async fn narrowed(
        &self,
        work: &Work,
        without_role: WithoutRole,
        policy: impl FnOnce(&str) -> String,
    ) -> Result<Option<Credentials>, NotAssumed> {
        let Some(role) = self.role_of(work, without_role).map_err(NotAssumed::Otherwise)? else {
            return Ok(None);
        };
        let partition = role.split(':').nth(1).unwrap_or("aws");
        let session = self.known(role, &work.pipeline).role;
        let credentials = session.narrowed_to(policy(partition), SHORTEST_SECONDS).credentials().await;
        credentials.map(Some).map_err(|error| NotAssumed::of(role, &error))
    }

    /// The installation's own region, where its bucket is.
    pub fn region(&self) -> &str {
        self.0.sdk.region()
    }

    fn known(&self, role: &str, pipeline: &PipelineName) -> Known {
        let session = session_name(pipeline);
        let key = Assumed { role: role.to_owned(), session: session.clone() };
        let mut assumed = self.0.assumed.lock().unwrap_or_else(PoisonError::into_inner);
        let made = || {
            let role = AssumedRole::new(&self.0.sdk, role, &session, self.external_ids(role, pipeline));
            Known { credentials: SharedCredentialsProvider::new(role.clone()), role }
        };
        assumed.entry(key).or_insert_with(made).clone()
    }

    /// What `role` is asked for with. The default role is the installation's own, and every pipeline's.
    fn external_ids(&self, role: &str, pipeline: &PipelineName) -> ExternalIds {
        let id = self.0.external_id.as_deref();
        if self.0.default_role.as_deref() == Some(role) {
            ExternalIds::of_installation(id)
        } else {
            ExternalIds::of_pipeline(id, pipeline)
        }
    }
}

impl NotAssumed {
    fn of(role: &str, error: &CredentialsError) -> Self {
        let what = format!("assume {role}");
        if let Some(untrusted) = Untrusted::behind(error) {
            return Self::Refused(format!("{what}: {untrusted}"));
        }
        match source_said(error) {
            Some(said) if said.code().is_some_and(|code| REFUSALS.contains(&code)) => {
                Self::Refused(format!("{what}: {}", causes(error)))
            }
            Some(_) | None => Self::Otherwise(PortError::transient(format!("{what}: {}", causes(error)))),
        }
    }
}

/// What STS said, if it answered.
fn source_said(error: &CredentialsError) -> Option<&ErrorMetadata> {
    let mut cause = error.source();
    while let Some(error) = cause {
        // What the model names has no further cause that would say the code.
        if let Some(refused) = error.downcast_ref::<AssumeRoleError>() {
            return Some(refused.meta());
        }
        if let Some(said) = error.downcast_ref() {
            return Some(said);
        }
        cause = error.source();
    }
    None
}
