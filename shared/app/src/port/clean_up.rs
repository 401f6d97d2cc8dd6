//! What cleaning up needs: to walk through the artifact store, to give objects up, and to remember how far it came.

use async_trait::async_trait;
use penstock_model::time::Timestamp;

use super::PortError;

/// One version of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectVersion {
    /// The key.
    pub key: String,
    /// The version, in a store that has them.
    pub version_id: Option<String>,
    /// When it was written.
    pub written_at: Timestamp,
}

/// Some of the objects.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    /// All versions, by key.
    pub versions: Vec<ObjectVersion>,
    /// Where the next page begins; `None` after the last.
    pub next: Option<String>,
}

/// The objects of the installation's own artifact store.
#[async_trait]
pub trait Objects: Send + Sync {
    /// The page that begins at `from`, the first one without.
    async fn page(&self, from: Option<&str>) -> Result<Page, PortError>;

    /// Lets the store remove these versions. Once more does no harm, nor does one that is gone.
    async fn give_up(&self, versions: &[ObjectVersion]) -> Result<(), PortError>;
}

/// A walk through the objects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Walk {
    /// When it began.
    pub began_at: Timestamp,
    /// Where it goes on; `None` once it is over.
    pub next: Option<String>,
}

/// How far the latest walk came.
#[async_trait]
pub trait Walks: Send + Sync {
    /// The latest walk.
    async fn latest(&self) -> Result<Option<Walk>, PortError>;

    /// Remembers `walk` in place of the one before.
    async fn remember(&self, walk: &Walk) -> Result<(), PortError>;
}
