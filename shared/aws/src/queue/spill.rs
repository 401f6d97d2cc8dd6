//! Messages that are too large for SQS, in S3 under the digest of what they say.

use aws_sdk_s3::Client;
use aws_sdk_s3::operation::get_object::GetObjectError;
use aws_sdk_s3::primitives::ByteStream;
use penstock_app::port::PortError;
use sha2::{Digest, Sha256};

use crate::bucket;
use crate::sdk::Sdk;

/// Beneath which the bucket's rules expire them.
const PREFIX: &str = "deliveries/";

/// Messages in a bucket.
#[derive(Debug, Clone)]
pub(super) struct Spill {
    client: Client,
    bucket: String,
}

impl Spill {
    pub(super) fn new(sdk: &Sdk, bucket: &str) -> Self {
        Self { client: bucket::client(sdk), bucket: bucket.to_owned() }
    }

    /// Stores `body`, again if it is there already, and says under which key.
    pub(super) async fn store(&self, body: &str) -> Result<String, PortError> {
        let key = key(body);
        let put = self.client.put_object().bucket(&self.bucket).key(&key).content_type("application/json");
        let stored = put.body(ByteStream::from(body.as_bytes().to_vec())).send().await;
        stored.map_err(|error| bucket::failed(&format!("store the message `{key}`"), &error))?;
        Ok(key)
    }

    /// The body under `key`.
    pub(super) async fn fetch(&self, key: &str) -> Result<String, PortError> {
        let what = format!("read the message `{key}`");
        if !key.starts_with(PREFIX) {
            return Err(PortError::permanent(format!("{what}: messages lie under {PREFIX}")));
        }
        let got = self.client.get_object().bucket(&self.bucket).key(key).send().await;
        let object = got.map_err(|error| {
            let is_gone = error.as_service_error().is_some_and(GetObjectError::is_no_such_key);
            // Whatever else is refused may be granted again; what is gone stays gone.
            PortError { retryable: !is_gone, ..bucket::failed(&what, &error) }
        })?;
        let bytes = object.body.collect().await;
        let bytes = bytes.map_err(|error| PortError::transient(format!("{what}: {error}")))?.into_bytes();
        match String::from_utf8(bytes.into()) {
            Ok(body) if self::key(&body) == key => Ok(body),
            // The key is the digest of the whole: what came is not all of it.
            Ok(_) | Err(_) => Err(PortError::transient(format!("{what}: it is not what was stored"))),
        }
    }
}

fn key(body: &str) -> String {
    format!("{PREFIX}{}.json", hex::encode(Sha256::digest(body)))
}
