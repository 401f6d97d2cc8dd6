//! Secrets of Secrets Manager and parameters of SSM's Parameter Store, told apart by their ARNs.
//!
//! Values are kept for two minutes, so that a rotation is soon seen and a busy function asks seldom. They are never
//! printed.

#[cfg(feature = "ssm")]
mod parameter_store;
mod reference;
mod secrets_manager;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use penstock_app::port::PortError;
use penstock_app::port::clock::{Clock, SystemClock};
use penstock_app::port::secrets::Secrets;
use penstock_model::time::Timestamp;

use crate::sdk::Sdk;
use reference::Reference;
use secrets_manager::SecretsManager;

/// How long a value is kept.
const KEPT: Duration = Duration::from_secs(120);

/// Secrets, with the credentials and in the region of an [`Sdk`].
pub struct AwsSecrets {
    manager: SecretsManager,
    /// Nothing of SSM is linked into a function that does not ask for it.
    parameters: Option<Arc<dyn Secrets>>,
    region: String,
    clock: Arc<dyn Clock>,
    known: Mutex<BTreeMap<Reference, Known>>,
}

struct Known {
    value: String,
    since: Timestamp,
}

impl fmt::Debug for AwsSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AwsSecrets").finish_non_exhaustive()
    }
}

impl AwsSecrets {
    /// Secrets of Secrets Manager as the credentials of `sdk` may read them, and no parameters.
    pub fn new(sdk: &Sdk) -> Self {
        Self {
            manager: SecretsManager::new(sdk),
            parameters: None,
            region: sdk.region().to_owned(),
            clock: Arc::new(SystemClock),
            known: Mutex::default(),
        }
    }

    /// The same, and parameters of Parameter Store.
    #[cfg(feature = "ssm")]
    pub fn with_parameters(sdk: &Sdk) -> Self {
        let parameters = Arc::new(parameter_store::ParameterStore::new(sdk));
        Self { parameters: Some(parameters), ..Self::new(sdk) }
    }

    /// The same by another clock, for tests.
    #[must_use]
    pub fn with_clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock, ..self }
    }

    fn kept(&self, wanted: &Reference) -> Option<String> {
        let now = self.clock.now();
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, known| now.since(known.since) < KEPT);
        known.get(wanted).map(|known| known.value.clone())
    }

    async fn value(&self, wanted: Reference) -> Result<String, PortError> {
        if let Some(value) = self.kept(&wanted) {
            return Ok(value);
        }
        // A value is as old as the question for it.
        let since = self.clock.now();
        let value = self.ask_for(&wanted).await?;
        let known = Known { value: value.clone(), since };
        self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(wanted, known);
        Ok(value)
    }

    async fn ask_for(&self, wanted: &Reference) -> Result<String, PortError> {
        match wanted {
            Reference::Secret(version) => self.manager.read(version).await,
            Reference::Parameter(name) => match &self.parameters {
                Some(parameters) => parameters.secret(name).await,
                None => Err(PortError::permanent(format!(
                    "read the parameter `{name}`: only a secret of Secrets Manager is read here; store the value in one"
                ))),
            },
        }
    }
}

#[async_trait]
impl Secrets for AwsSecrets {
    /// `name` is the ARN of a parameter, with `:version` or `:label` behind it if it is not the latest, or
    /// `ID[:json-key[:version-stage[:version-id]]]` as in a buildspec, where `ID` is a secret's name or ARN.
    async fn secret(&self, name: &str) -> Result<String, PortError> {
        let (reference, key) = Reference::parse(name)?;
        reference.refuse_outside(&self.region)?;
        let id = reference.id().to_owned();
        let value = self.value(reference).await?;
        match key {
            Some(key) => reference::field(&id, &value, &key),
            None => Ok(value),
        }
    }
}
