//! Whether an upload starts the pipeline whose S3 source follows the object: the bucket has to send its events to EventBridge,
//! and the stack has to have a rule for them. Without versions no execution can fetch from it, whoever starts it.

use penstock_aws::sdk::Sdk;
use penstock_model::id::ActionName;
use penstock_model::pipeline::Pipeline;
use penstock_model::trigger::{keep_versions, object_sources, send_events};
use reqwest::Method;

use super::presence::S3;
use crate::aws::ask;

/// The stack's parameter that names the buckets.
const PARAMETER: &str = "SourceBuckets";

/// The code and the message of each thing that keeps uploads from starting `pipeline` by the source `action`, or what was
/// started from fetching; `listed` are the buckets whose events the stack has a rule for.
pub(super) async fn problems(
    sdk: &Sdk,
    pipeline: &Pipeline,
    action: &ActionName,
    listed: &[String],
) -> anyhow::Result<Vec<(&'static str, String)>> {
    let source = object_sources(pipeline).into_iter().find(|source| source.action == *action);
    let Some(source) = source.filter(|source| is_name(&source.bucket)) else {
        return Ok(vec![]);
    };
    let bucket = &source.bucket;
    let mut found: Vec<_> = unversioned(sdk, bucket).await?.into_iter().collect();
    if !source.detects_changes {
        return Ok(found);
    }
    if !listed.contains(bucket) {
        let message = format!(
            "uploads to `{bucket}` start nothing, as the stack has no rule for them: add it to the stack's parameter {PARAMETER} and deploy, or start the pipeline after each upload and say so with `PollForSourceChanges: false`"
        );
        found.push(("bucket-not-listed", message));
    }
    found.extend(unsent(sdk, bucket).await?);
    Ok(found)
}

/// That `bucket` keeps no versions, or that nobody said.
async fn unversioned(sdk: &Sdk, bucket: &str) -> anyhow::Result<Option<(&'static str, String)>> {
    let path = format!("/{bucket}?versioning");
    let mut answer = ask::rest(sdk, S3, sdk.region(), Method::GET, &path).await?;
    if let Some(other) = answer.bucket_region.clone().filter(|other| *other != sdk.region()) {
        answer = ask::rest(sdk, S3, &other, Method::GET, &path).await?;
    }
    Ok(match answer.status {
        _ if answer.is_good() && answer.text.contains("<Status>Enabled</Status>") => None,
        _ if answer.is_good() => Some((
            "bucket-without-versions",
            format!(
                "nothing can be fetched from `{bucket}`, and uploads to it start nothing, as it keeps no versions: {}, and upload the objects again",
                keep_versions(bucket)
            ),
        )),
        // That it is not there is said already.
        404 => None,
        status => Some((
            "may-not-look",
            format!(
                "whether `{bucket}` keeps versions is not checked: status {status}; allow yourself s3:GetBucketVersioning"
            ),
        )),
    })
}

/// What keeps the events of `bucket` from reaching `EventBridge` in the stack's region.
async fn unsent(sdk: &Sdk, bucket: &str) -> anyhow::Result<Option<(&'static str, String)>> {
    let region = sdk.region();
    let answer = ask::rest(sdk, S3, region, Method::GET, &format!("/{bucket}?notification")).await?;
    if let Some(other) = answer.bucket_region.as_deref().filter(|other| *other != region) {
        let message = format!(
            "uploads to `{bucket}` start nothing: it is in {other}, and its events reach no stack in {region}; use a bucket in {region}, or start the pipeline after each upload and say so with `PollForSourceChanges: false`"
        );
        return Ok(Some(("bucket-elsewhere", message)));
    }
    Ok(match answer.status {
        _ if answer.is_good() && answer.text.contains("<EventBridgeConfiguration") => None,
        _ if answer.is_good() => Some((
            "bucket-sends-no-events",
            format!(
                "uploads to `{bucket}` start nothing, as it sends no events to EventBridge: {}, which replaces the bucket's whole notification configuration, so put in what `aws s3api get-bucket-notification-configuration --bucket {bucket}` shows",
                send_events(bucket)
            ),
        )),
        // That it is not there is said already.
        404 => None,
        status => Some((
            "may-not-look",
            format!(
                "whether `{bucket}` sends its events to EventBridge is not checked: status {status}; allow yourself s3:GetBucketNotification"
            ),
        )),
    })
}

/// Whether a bucket may be called so: a name that is none must not make another request.
fn is_name(bucket: &str) -> bool {
    !bucket.is_empty() && bucket.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'))
}
