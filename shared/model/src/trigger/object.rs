//! Whether an object that was uploaded starts a pipeline, with a sentence why not.
//!
//! `CodePipeline` starts one whose S3 source follows the object, unless the source has `PollForSourceChanges: false`; its
//! triggers, which are about git, change nothing of that. Source: `CodePipeline` user guide, "Amazon S3 source action
//! reference". The execution carries what is newest when its source runs, and no version of the event's: events come late and
//! in any order, and an older version must not follow a newer one.

use serde::{Deserialize, Serialize};

use super::source::with_defaults;
use crate::definition::findings::quoted;
use crate::id::{ActionName, DeliveryId};
use crate::pipeline::{Action, Category, Pipeline};

/// An object of a bucket has been written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ObjectCreated {
    /// The bucket.
    pub bucket: String,
    /// The object's key, as it is: not URL-encoded.
    pub key: String,
    /// The version that was written; none in a bucket without versioning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// What puts the events of one key into their order, and tells them apart where there are no versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sequencer: Option<String>,
}

impl ObjectCreated {
    /// The delivery that tells of it, the same however often and by whomever it is told; none if nothing tells this upload
    /// from another of the same key.
    pub fn delivery(&self) -> Option<DeliveryId> {
        let (kind, mark) = match (&self.version, &self.sequencer) {
            (Some(version), _) => ("version", version),
            (None, Some(sequencer)) => ("sequencer", sequencer),
            (None, None) => return None,
        };
        Some(DeliveryId::derive("object", &[&self.bucket, kind, mark, &self.key]))
    }
}

/// A source action that follows an object of a bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectSource {
    /// The action.
    pub action: ActionName,
    /// The bucket.
    pub bucket: String,
    /// The object's key.
    pub key: String,
    /// Whether uploads start the pipeline (`PollForSourceChanges`).
    pub detects_changes: bool,
}

/// The source actions of `pipeline` that follow an object of a bucket.
pub fn object_sources(pipeline: &Pipeline) -> Vec<ObjectSource> {
    let actions = pipeline.stages.iter().flat_map(|stage| &stage.actions);
    actions.filter_map(|action| object_source(pipeline, action)).collect()
}

fn object_source(pipeline: &Pipeline, action: &Action) -> Option<ObjectSource> {
    let kind = &action.action_type_id;
    if kind.category != Category::Source || kind.provider != "S3" {
        return None;
    }
    let setting = |key: &str| {
        let value = action.configuration.get(key).map(|value| with_defaults(pipeline, value))?;
        Some(value.trim().to_owned())
    };
    let polls = setting("PollForSourceChanges");
    Some(ObjectSource {
        action: action.name.clone(),
        bucket: setting("S3Bucket")?,
        key: setting("S3ObjectKey")?,
        detects_changes: !polls.is_some_and(|polls| polls.eq_ignore_ascii_case("false")),
    })
}

/// The command by which `bucket` sends its events to `EventBridge`, in backticks. It replaces all notifications that the bucket
/// has (S3 API reference, `PutBucketNotificationConfiguration`), which whoever shows it has to say.
pub fn send_events(bucket: &str) -> String {
    format!(
        "`aws s3api put-bucket-notification-configuration --bucket {bucket} --notification-configuration '{{\"EventBridgeConfiguration\":{{}}}}'`"
    )
}

/// The command by which `bucket` keeps the versions of its objects, in backticks.
pub fn keep_versions(bucket: &str) -> String {
    format!("`aws s3api put-bucket-versioning --bucket {bucket} --versioning-configuration Status=Enabled`")
}

/// What sets off an execution of `pipeline`, for people, if `object` starts one.
///
/// # Errors
/// Why it starts nothing.
pub fn uploaded(pipeline: &Pipeline, object: &ObjectCreated) -> Result<String, String> {
    let sources = object_sources(pipeline);
    if sources.is_empty() {
        return Err("no source action of the pipeline follows an object of a bucket".to_owned());
    }
    let refusals: Option<Vec<String>> = sources.iter().map(|source| refusal(source, object)).collect();
    let uploaded = place(&object.bucket, &object.key);
    match (refusals, &object.version) {
        (Some(refusals), _) => Err(refusals.join("; ")),
        // Its execution could only fail: what it began with could have changed before it is retried.
        (None, None) => Err(format!(
            "{uploaded} has no version that an execution could keep to: turn on versioning for the bucket and upload it again"
        )),
        (None, Some(version)) => Ok(format!("upload of {uploaded}, version {}", quoted(version))),
    }
}

fn refusal(source: &ObjectSource, object: &ObjectCreated) -> Option<String> {
    let action = quoted(source.action.as_str());
    if source.bucket != object.bucket || source.key != object.key {
        let (uploaded, followed) = (place(&object.bucket, &object.key), place(&source.bucket, &source.key));
        return Some(format!("{uploaded} is not {followed}, which the source action {action} follows"));
    }
    (!source.detects_changes).then(|| format!("the source action {action} has `PollForSourceChanges: false`"))
}

fn place(bucket: &str, key: &str) -> String {
    format!("{} in the bucket {}", quoted(key), quoted(bucket))
}
