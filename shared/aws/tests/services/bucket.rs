//! A versioned bucket of a test's own.

use aws_sdk_s3::Client;
use aws_sdk_s3::types::{BucketVersioningStatus, VersioningConfiguration};
use penstock_aws::sdk::Sdk;
use sha2::{Digest, Sha256};

use crate::fresh;

pub(crate) struct Bucket {
    pub(crate) client: Client,
    pub(crate) name: String,
}

impl Bucket {
    pub(crate) async fn new(sdk: &Sdk) -> Self {
        let config = aws_sdk_s3::config::Builder::from(sdk.config()).force_path_style(true).build();
        let (client, name) = (Client::from_conf(config), fresh("artifacts"));
        client.create_bucket().bucket(&name).send().await.unwrap();
        let versioning = VersioningConfiguration::builder().status(BucketVersioningStatus::Enabled).build();
        let put = client.put_bucket_versioning().bucket(&name).versioning_configuration(versioning);
        put.send().await.unwrap();
        Self { client, name }
    }

    pub(crate) async fn write(&self, key: &str, content: &[u8]) {
        let put = self.client.put_object().bucket(&self.name).key(key);
        put.body(content.to_vec().into()).send().await.unwrap();
    }

    /// The same, with metadata that claim the digest of `claimed`.
    pub(crate) async fn write_claiming(&self, key: &str, content: &[u8], claimed: &[u8]) {
        let put = self.client.put_object().bucket(&self.name).key(key);
        let put = put.metadata("sha256", hex::encode(Sha256::digest(claimed)));
        put.body(content.to_vec().into()).send().await.unwrap();
    }

    /// The versions of the object under `key`.
    pub(crate) async fn versions(&self, key: &str) -> Vec<String> {
        let listed = self.client.list_object_versions().bucket(&self.name).prefix(key).send().await.unwrap();
        listed.versions().iter().map(|version| version.version_id().unwrap().to_owned()).collect()
    }
}
