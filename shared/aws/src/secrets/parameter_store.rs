//! SSM's Parameter Store.

mod call;
mod endpoint;
mod wire;

use async_trait::async_trait;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use penstock_app::port::PortError;
use penstock_app::port::secrets::Secrets;

use crate::error::port_error;
use crate::sdk::Sdk;
use call::{GetParameter, Refused};

/// Parameters as the credentials of an [`Sdk`] may read them.
pub(super) struct ParameterStore {
    get_parameter: GetParameter,
}

impl ParameterStore {
    pub(super) fn new(sdk: &Sdk) -> Self {
        Self { get_parameter: call::get_parameter(sdk) }
    }
}

#[async_trait]
impl Secrets for ParameterStore {
    /// The whole value, decrypted; `name` is as `GetParameter` takes it.
    async fn secret(&self, name: &str) -> Result<String, PortError> {
        let what = format!("read the parameter `{name}`");
        let asked = self.get_parameter.invoke(name.to_owned());
        let answer = asked.await.map_err(|error| refused(&what, &error))?;
        let unusable = |why: &str| PortError::permanent(format!("{what}: {why}; store it as a SecureString"));
        let parameter = answer.parameter.ok_or_else(|| unusable("the answer holds none"))?;
        if parameter.kind.as_deref() == Some("StringList") {
            return Err(unusable("it is a StringList"));
        }
        parameter.value.ok_or_else(|| unusable("it has no value"))
    }
}

/// What the service refuses for good, with the way out: it gives a code and often nothing else.
fn refused(what: &str, error: &Refused) -> PortError {
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
