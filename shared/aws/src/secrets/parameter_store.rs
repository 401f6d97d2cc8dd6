//! SSM's Parameter Store.

use async_trait::async_trait;
use aws_sdk_ssm::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_ssm::operation::get_parameter::GetParameterError;
use aws_sdk_ssm::types::ParameterType;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use penstock_app::port::PortError;
use penstock_app::port::secrets::Secrets;

use crate::error::port_error;
use crate::sdk::Sdk;

/// Parameters as the credentials of an [`Sdk`] may read them.
pub(super) struct ParameterStore {
    client: aws_sdk_ssm::Client,
}

impl ParameterStore {
    pub(super) fn new(sdk: &Sdk) -> Self {
        let config = aws_sdk_ssm::config::Builder::from(sdk.config());
        let config = config.interceptor(sdk.interceptor()).build();
        Self { client: aws_sdk_ssm::Client::from_conf(config) }
    }
}

#[async_trait]
impl Secrets for ParameterStore {
    /// The whole value, decrypted; `name` is as `GetParameter` takes it.
    async fn secret(&self, name: &str) -> Result<String, PortError> {
        let what = format!("read the parameter `{name}`");
        let asked = self.client.get_parameter().name(name).with_decryption(true);
        let answer = asked.send().await.map_err(|error| refused(&what, &error))?;
        let unusable = |why: &str| PortError::permanent(format!("{what}: {why}; store it as a SecureString"));
        let parameter = answer.parameter.ok_or_else(|| unusable("the answer holds none"))?;
        if parameter.r#type == Some(ParameterType::StringList) {
            return Err(unusable("it is a StringList"));
        }
        parameter.value.ok_or_else(|| unusable("it has no value"))
    }
}

/// What the service refuses for good, with the way out: it gives a code and often nothing else.
fn refused(what: &str, error: &SdkError<GetParameterError, HttpResponse>) -> PortError {
    let plain = port_error(what, error);
    match error.code().and_then(way_out).filter(|_| !plain.retryable) {
        Some(way_out) => PortError::permanent(format!("{plain}; {way_out}")),
        None => plain,
    }
}

/// What to do about a refusal (Systems Manager API reference, `GetParameter`).
fn way_out(code: &str) -> Option<&'static str> {
    match code {
        "AccessDeniedException" => Some(
            "the role needs ssm:GetParameter on it, and kms:Decrypt if a key of yours encrypts it: a stack grants the former on what its parameters name, the latter on SecretsKeyArn",
        ),
        "InvalidKeyId" => Some("enable the key that encrypts it, or store it again under another"),
        "ParameterNotFound" => Some("store it with `aws ssm put-parameter`, or name one that is there"),
        "ParameterVersionNotFound" => Some("name a version or label that it has, or none for the latest"),
        _ => None,
    }
}
