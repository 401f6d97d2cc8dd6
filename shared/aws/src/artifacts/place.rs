//! Which bucket an action's artifacts are in.

use penstock_app::port::provider::Work;

/// The bucket of an action's artifacts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StorePlace {
    pub(crate) bucket: String,
    pub(crate) region: String,
    /// The KMS key that the store asks for; `None`: it is encrypted as it is set up.
    pub(crate) encryption_key: Option<String>,
}

impl StorePlace {
    /// The pipeline's store for actions in the region of `work`; without one the installation's `bucket`, which is in
    /// its own region, `home`.
    pub(crate) fn of(work: &Work, home: &str, bucket: &str) -> Self {
        let region = work.action.region.as_deref().unwrap_or(home);
        let stores = work.artifact_store.as_ref();
        match stores.and_then(|stores| Some((stores, stores.in_region(region)?))) {
            Some((stores, store)) => Self {
                bucket: store.location.clone(),
                region: stores.region_of(&store.location, home).to_owned(),
                encryption_key: store.kms_key().map(str::to_owned),
            },
            None => Self { bucket: bucket.to_owned(), region: home.to_owned(), encryption_key: None },
        }
    }
}
