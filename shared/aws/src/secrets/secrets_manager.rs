//! Secrets Manager.

use penstock_app::port::PortError;

use super::reference::Version;
use crate::error::port_error;
use crate::sdk::Sdk;

/// Secrets as the credentials of an [`Sdk`] may read them.
pub(super) struct SecretsManager {
    client: aws_sdk_secretsmanager::Client,
}

impl SecretsManager {
    pub(super) fn new(sdk: &Sdk) -> Self {
        let config = aws_sdk_secretsmanager::config::Builder::from(sdk.config());
        let config = config.interceptor(sdk.interceptor()).build();
        Self { client: aws_sdk_secretsmanager::Client::from_conf(config) }
    }

    /// The whole text of a secret.
    pub(super) async fn read(&self, wanted: &Version) -> Result<String, PortError> {
        let what = format!("read the secret `{}`", wanted.id);
        let answer = self
            .client
            .get_secret_value()
            .secret_id(&wanted.id)
            .set_version_stage(wanted.stage.clone())
            .set_version_id(wanted.version.clone())
            .send()
            .await
            .map_err(|error| port_error(&what, &error))?;
        answer
            .secret_string
            .ok_or_else(|| PortError::permanent(format!("{what}: it holds bytes; store it as text")))
    }
}
