//! The artifact bucket as cleaning up sees it. Its rules expire what carries the tag [`EXPIRE`], each version for itself.

use async_trait::async_trait;
use aws_sdk_s3::Client;
use aws_sdk_s3::types::{Tag, Tagging};
use futures_util::{StreamExt, TryStreamExt, stream};
use penstock_app::port::PortError;
use penstock_app::port::clean_up::{ObjectVersion, Objects, Page};
use penstock_model::time::Timestamp;

use crate::bucket;
use crate::sdk::Sdk;

/// The tag that the bucket's rules ask for, with the value `true`; see `ArtifactBucket` in `template.yaml`.
pub const EXPIRE: &str = "penstock:expire";
/// How many versions are tagged at the same time; S3 takes 3,500 such requests a second and prefix.
const AT_ONCE: usize = 16;

/// The versions of the objects in a bucket.
#[derive(Debug, Clone)]
pub struct BucketObjects {
    client: Client,
    bucket: String,
    page: Option<i32>,
}

impl BucketObjects {
    /// Those in `bucket`.
    pub fn new(sdk: &Sdk, bucket: &str) -> Self {
        Self { client: bucket::client(sdk), bucket: bucket.to_owned(), page: None }
    }

    /// The same with at most `size` versions a page; 1000 where nothing is said.
    #[must_use]
    pub fn with_pages_of(self, size: i32) -> Self {
        Self { page: Some(size), ..self }
    }

    async fn tag(&self, version: &ObjectVersion) -> Result<(), PortError> {
        let what = format!("tag `{}` in {} for expiry", version.key, self.bucket);
        let tag = Tag::builder().key(EXPIRE).value("true").build();
        let tags = tag.and_then(|tag| Tagging::builder().tag_set(tag).build());
        let tags = tags.map_err(|error| PortError::permanent(format!("{what}: {error}")))?;
        let put = self.client.put_object_tagging().bucket(&self.bucket).key(&version.key).tagging(tags);
        match put.set_version_id(version.version_id.clone()).send().await {
            Ok(_) => Ok(()),
            // The rules were faster.
            Err(error) if bucket::status(&error) == Some(404) => Ok(()),
            Err(error) => Err(bucket::failed(&what, &error)),
        }
    }
}

#[async_trait]
impl Objects for BucketObjects {
    async fn page(&self, from: Option<&str>) -> Result<Page, PortError> {
        let what = format!("list the objects in {}", self.bucket);
        let list = self.client.list_object_versions().bucket(&self.bucket).set_max_keys(self.page);
        let list = match from.map(place).transpose()? {
            Some((key, version)) => list.key_marker(key).set_version_id_marker(version),
            None => list,
        };
        let listed = list.send().await.map_err(|error| bucket::failed(&what, &error))?;
        let versions = listed.versions().iter().filter_map(|version| {
            let written_at = version.last_modified()?.to_millis().ok()?;
            Some(ObjectVersion {
                key: version.key()?.to_owned(),
                version_id: version.version_id().map(str::to_owned),
                written_at: Timestamp(written_at),
            })
        });
        let next = match (listed.is_truncated(), listed.next_key_marker()) {
            (Some(true), Some(key)) => Some(marker(key, listed.next_version_id_marker())?),
            (Some(true), None) => {
                return Err(PortError::permanent(format!(
                    "{what}: the answer does not say where it goes on"
                )));
            }
            (Some(false) | None, _) => None,
        };
        Ok(Page { versions: versions.collect(), next })
    }

    async fn give_up(&self, versions: &[ObjectVersion]) -> Result<(), PortError> {
        let tagging = versions.iter().cloned().map(|version| async move { self.tag(&version).await });
        stream::iter(tagging).buffer_unordered(AT_ONCE).try_collect().await
    }
}

/// Where the listing goes on, as one text.
fn marker(key: &str, version: Option<&str>) -> Result<String, PortError> {
    serde_json::to_string(&(key, version))
        .map_err(|error| PortError::permanent(format!("remember where the listing goes on: {error}")))
}

fn place(marker: &str) -> Result<(String, Option<String>), PortError> {
    serde_json::from_str(marker)
        .map_err(|error| PortError::permanent(format!("go on with the listing at `{marker}`: {error}")))
}
