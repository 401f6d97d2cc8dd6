//! A repository that contains the commits it is said to.

use async_trait::async_trait;
use penstock_app::port::PortError;
use penstock_app::port::repository::Repository;

/// Contains these commits.
#[derive(Debug, Default)]
pub struct FakeRepository(pub Vec<String>);

#[async_trait]
impl Repository for FakeRepository {
    async fn contains(&self, commit: &str) -> Result<bool, PortError> {
        Ok(self.0.iter().any(|own| own == commit))
    }
}
