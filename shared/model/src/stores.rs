//! Where a pipeline keeps its artifacts: one store, or one a region; and where an action reads what lies in another region.

use std::collections::BTreeMap;

use crate::artifact::{Artifact, PREFIX};
use crate::pipeline::{ArtifactStore, Pipeline};

/// Where a pipeline keeps its artifacts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stores {
    /// All in one (`artifactStore`), in the installation's own region.
    One(ArtifactStore),
    /// In that of the action's region (`artifactStores`).
    Regional(BTreeMap<String, ArtifactStore>),
}

impl Stores {
    /// The stores of `pipeline`; `None`: the installation's default.
    pub fn of(pipeline: &Pipeline) -> Option<Self> {
        let one = || pipeline.artifact_store.clone().map(Self::One);
        pipeline.artifact_stores.clone().map(Self::Regional).or_else(one)
    }

    /// The store of actions in `region`.
    pub fn in_region(&self, region: &str) -> Option<&ArtifactStore> {
        match self {
            Self::One(store) => Some(store),
            Self::Regional(stores) => stores.get(region),
        }
    }

    /// Where `bucket` is: in the region whose store it is, else in `home`.
    pub fn region_of<'a>(&'a self, bucket: &str, home: &'a str) -> &'a str {
        match self {
            Self::One(_) => home,
            Self::Regional(stores) => {
                let found = stores.iter().find(|(_, store)| store.location == bucket);
                found.map_or(home, |(region, _)| region)
            }
        }
    }

    /// The bucket and key of the copy that an action in `region` reads of `artifact`; `None`: it reads the artifact
    /// where it lies. The key follows from the artifact's, which contains the attempt: there is one copy a region.
    pub fn copy_of(&self, artifact: &Artifact, region: &str, home: &str) -> Option<(&str, String)> {
        let Self::Regional(stores) = self else {
            return None;
        };
        let store = stores.get(region).filter(|store| store.location != artifact.bucket)?;
        let is_near = self.region_of(&artifact.bucket, home) == region;
        let key = artifact.key.strip_prefix(PREFIX).unwrap_or(&artifact.key);
        (!is_near).then(|| (store.location.as_str(), format!("{PREFIX}{key}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store(bucket: &str) -> ArtifactStore {
        ArtifactStore { kind: "S3".into(), location: bucket.into(), encryption_key: None }
    }

    fn artifact(bucket: &str, key: &str) -> Artifact {
        let (bucket, key) = (bucket.to_owned(), key.to_owned());
        Artifact {
            name: "App".parse().unwrap(),
            bucket,
            key,
            version_id: None,
            sha256: "0".repeat(64),
            size: 1,
        }
    }

    fn regional() -> Stores {
        let of = |region: &str, bucket: &str| (region.to_owned(), store(bucket));
        Stores::Regional([of("us-east-1", "virginia"), of("eu-west-1", "ireland")].into())
    }

    #[test]
    fn what_lies_in_another_region_is_copied_into_the_regions_store() {
        let stores = regional();
        let at_home = artifact("virginia", "artifacts/web/p-1/App.zip");
        let copy = Some(("ireland", "artifacts/web/p-1/App.zip".to_owned()));
        assert_eq!(stores.copy_of(&at_home, "eu-west-1", "us-east-1"), copy);
        assert_eq!(stores.copy_of(&at_home, "us-east-1", "us-east-1"), None);
        let back =
            stores.copy_of(&artifact("ireland", "artifacts/web/p-2/Out.zip"), "us-east-1", "us-east-1");
        assert_eq!(back, Some(("virginia", "artifacts/web/p-2/Out.zip".to_owned())));
        let copy = Some(("ireland", "artifacts/web/p-1/App.zip".to_owned()));
        let earlier = artifact("the-installations", "web/p-1/App.zip");
        assert_eq!(stores.copy_of(&earlier, "eu-west-1", "us-east-1"), copy, "its bucket is at home");
        assert_eq!(stores.copy_of(&earlier, "us-east-1", "us-east-1"), None, "it is read where it lies");
        assert_eq!(stores.copy_of(&at_home, "ap-south-1", "us-east-1"), None, "there is no store");
    }

    #[test]
    fn one_store_is_that_of_all_regions() {
        let stores = Stores::One(store("one"));
        assert_eq!(stores.in_region("eu-west-1"), Some(&store("one")));
        assert_eq!(stores.copy_of(&artifact("other", "x"), "eu-west-1", "us-east-1"), None);
    }
}
