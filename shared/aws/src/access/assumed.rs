//! The credentials of an assumed role, asked for by those of the installation.
//!
//! `aws-config` has a provider of its own for this, which links every way of signing in besides.

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, Result, future};
use aws_sdk_sts::Client;

use crate::sdk::Sdk;

/// Assumes one role under one name.
#[derive(Debug)]
pub(super) struct AssumedRole {
    sts: Client,
    role: String,
    session: String,
    external_id: Option<String>,
    policy: Option<String>,
    seconds: Option<i32>,
}

impl AssumedRole {
    pub(super) fn new(sdk: &Sdk, role: &str, session: &str, external_id: Option<&str>) -> Self {
        let config = aws_sdk_sts::config::Builder::from(sdk.config()).interceptor(sdk.interceptor());
        Self {
            sts: Client::from_conf(config.build()),
            role: role.to_owned(),
            session: session.to_owned(),
            external_id: external_id.map(ToOwned::to_owned),
            policy: None,
            seconds: None,
        }
    }

    /// The same for `seconds`, with no more rights than `policy` gives.
    pub(super) fn narrowed_to(self, policy: String, seconds: i32) -> Self {
        Self { policy: Some(policy), seconds: Some(seconds), ..self }
    }

    /// New credentials.
    pub(super) async fn credentials(&self) -> Result {
        let asked = self.sts.assume_role().role_arn(&self.role).role_session_name(&self.session);
        let asked = asked.set_external_id(self.external_id.clone()).set_policy(self.policy.clone());
        let answer = asked.set_duration_seconds(self.seconds).send().await;
        let given = answer.map_err(CredentialsError::provider_error)?.credentials;
        let given = given.ok_or_else(|| CredentialsError::unhandled("STS gave no credentials"))?;
        let expiry = SystemTime::try_from(given.expiration).map_err(CredentialsError::unhandled)?;
        Ok(Credentials::new(
            given.access_key_id,
            given.secret_access_key,
            Some(given.session_token),
            Some(expiry),
            "AssumedRole",
        ))
    }
}

impl ProvideCredentials for AssumedRole {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.credentials())
    }
}
