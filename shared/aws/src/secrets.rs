//! Secrets Manager.
//!
//! Values are kept for two minutes, so that a rotation is soon seen and a busy function asks seldom. They are never
//! printed.

mod reference;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use penstock_app::port::PortError;
use penstock_app::port::clock::{Clock, SystemClock};
use penstock_app::port::secrets::Secrets;
use penstock_model::time::Timestamp;

use crate::error::port_error;
use crate::sdk::Sdk;
use reference::Reference;

/// How long a value is kept.
const KEPT: Duration = Duration::from_secs(120);

/// Secrets, with the credentials and in the region of an [`Sdk`].
pub struct AwsSecrets {
    secrets: aws_sdk_secretsmanager::Client,
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
    /// Secrets as the credentials of `sdk` may read them.
    pub fn new(sdk: &Sdk) -> Self {
        let secrets = aws_sdk_secretsmanager::config::Builder::from(sdk.config());
        Self {
            secrets: aws_sdk_secretsmanager::Client::from_conf(
                secrets.interceptor(sdk.interceptor()).build(),
            ),
            clock: Arc::new(SystemClock),
            known: Mutex::default(),
        }
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

    async fn ask_for(&self, reference: &Reference) -> Result<String, PortError> {
        let what = format!("read the secret `{}`", reference.id);
        let answer = self
            .secrets
            .get_secret_value()
            .secret_id(&reference.id)
            .set_version_stage(reference.stage.clone())
            .set_version_id(reference.version.clone())
            .send()
            .await
            .map_err(|error| port_error(&what, &error))?;
        answer
            .secret_string
            .ok_or_else(|| PortError::permanent(format!("{what}: it holds bytes; store it as text")))
    }
}

#[async_trait]
impl Secrets for AwsSecrets {
    /// `name` is `ID[:json-key[:version-stage[:version-id]]]` as in a buildspec, where `ID` is the secret's name or ARN.
    async fn secret(&self, name: &str) -> Result<String, PortError> {
        let (reference, key) = Reference::parse(name)?;
        let id = reference.id.clone();
        let value = self.value(reference).await?;
        match key {
            Some(key) => reference::field(&id, &value, &key),
            None => Ok(value),
        }
    }
}
