//! Secrets in memory.

use std::collections::BTreeMap;

use async_trait::async_trait;
use penstock_app::port::PortError;
use penstock_app::port::secrets::Secrets;

/// Secrets by name.
#[derive(Debug, Default)]
pub struct MemorySecrets(pub BTreeMap<String, String>);

#[async_trait]
impl Secrets for MemorySecrets {
    async fn secret(&self, name: &str) -> Result<String, PortError> {
        self.0.get(name).cloned().ok_or_else(|| PortError::permanent(format!("find the secret `{name}`")))
    }
}
