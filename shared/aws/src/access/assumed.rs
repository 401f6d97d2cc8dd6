//! The credentials of an assumed role, asked for by those of the installation.
//!
//! `aws-config` has a provider of its own for this, which links every way of signing in besides.

use std::sync::Arc;
use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, Result, future};
use aws_sdk_sts::Client;
use aws_sdk_sts::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sts::operation::assume_role::{AssumeRoleError, AssumeRoleOutput};

use super::external_ids::ExternalIds;
use crate::sdk::Sdk;
use crate::untrusted::Untrusted;

/// Assumes one role under one name.
#[derive(Debug, Clone)]
pub(super) struct AssumedRole {
    sts: Client,
    role: String,
    session: String,
    ids: Arc<ExternalIds>,
    policy: Option<String>,
    seconds: Option<i32>,
}

impl AssumedRole {
    pub(super) fn new(sdk: &Sdk, role: &str, session: &str, ids: ExternalIds) -> Self {
        let config = aws_sdk_sts::config::Builder::from(sdk.config()).interceptor(sdk.interceptor());
        Self {
            sts: Client::from_conf(config.build()),
            role: role.to_owned(),
            session: session.to_owned(),
            ids: Arc::new(ids),
            policy: None,
            seconds: None,
        }
    }

    /// The same for `seconds`, with no more rights than `policy` gives.
    pub(super) fn narrowed_to(self, policy: String, seconds: i32) -> Self {
        Self { policy: Some(policy), seconds: Some(seconds), ..self }
    }

    /// New credentials, for the first external id that the role takes.
    pub(super) async fn credentials(&self) -> Result {
        let mut denied = None;
        for (place, id) in self.ids.in_order() {
            match self.ask(id).await {
                Ok(answer) => {
                    self.ids.take(place);
                    return credentials(answer);
                }
                Err(error) if error.code() == Some("AccessDenied") => denied = denied.or(Some(error)),
                Err(error) => return Err(CredentialsError::provider_error(error)),
            }
        }
        let said = denied.as_ref().and_then(ProvideErrorMetadata::message);
        Err(CredentialsError::provider_error(Untrusted::new(said, self.ids.all())))
    }

    async fn ask(&self, id: Option<&str>) -> Asked {
        let asked = self.sts.assume_role().role_arn(&self.role).role_session_name(&self.session);
        let asked = asked.set_external_id(id.map(str::to_owned)).set_policy(self.policy.clone());
        asked.set_duration_seconds(self.seconds).send().await
    }
}

type Asked = std::result::Result<AssumeRoleOutput, SdkError<AssumeRoleError>>;

fn credentials(answer: AssumeRoleOutput) -> Result {
    let given = answer.credentials.ok_or_else(|| CredentialsError::unhandled("STS gave no credentials"))?;
    let expiry = SystemTime::try_from(given.expiration).map_err(CredentialsError::unhandled)?;
    Ok(Credentials::new(
        given.access_key_id,
        given.secret_access_key,
        Some(given.session_token),
        Some(expiry),
        "AssumedRole",
    ))
}

impl ProvideCredentials for AssumedRole {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.credentials())
    }
}
