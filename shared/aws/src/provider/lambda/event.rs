//! The event that a function is called with (`CodePipeline` user guide, "Example JSON event").
//!
//! `artifactCredentials` are a session of the action's role that may read the job's input artifacts, put its output
//! artifacts, and nothing else, for a quarter of an hour. Only the event carries them: they are stored nowhere, and the API
//! does not tell them.

use aws_credential_types::Credentials;
use penstock_app::jobs::Job;
use penstock_app::port::provider::Work;
use penstock_model::artifact::Artifact;
use penstock_model::id::ArtifactName;
use penstock_model::pipeline::ArtifactStore;
use serde_json::{Value, json};

/// The event of `job`, in `region`.
pub(super) fn job(
    work: &Work,
    job: &Job,
    account: &str,
    region: &str,
    credentials: Option<&Credentials>,
) -> Value {
    let inputs: Vec<Value> = work.inputs.iter().map(|it| artifact(&it.name, &it.bucket, &it.key)).collect();
    // Whoever wrote an object may write it again: these name what was handed on.
    let recorded: Vec<Value> = work.inputs.iter().map(recorded).collect();
    let outputs = &job.invocation.outputs;
    let outputs: Vec<Value> = outputs.iter().map(|it| artifact(&it.name, &it.bucket, &it.key)).collect();
    let mut data = json!({
        "actionConfiguration": {"configuration": work.action.configuration},
        "inputArtifacts": inputs,
        "outputArtifacts": outputs,
    });
    let store = work.artifact_store.as_ref().and_then(|stores| stores.in_region(region));
    if let Some(key) = store.and_then(ArtifactStore::kms_key) {
        data["encryptionKey"] = json!({"id": key, "type": "KMS"});
    }
    if let Some(credentials) = credentials {
        data["artifactCredentials"] = json!({
            "accessKeyId": credentials.access_key_id(),
            "secretAccessKey": credentials.secret_access_key(),
            "sessionToken": credentials.session_token(),
        });
    }
    if let Some(token) = &job.invocation.continuation {
        data["continuationToken"] = json!(token);
    }
    json!({
        "CodePipeline.job": {"id": job.id.to_string(), "accountId": account, "data": data},
        "penstock": {
            "pipeline": work.pipeline,
            "attempt": work.attempt.to_string(),
            "inputArtifacts": recorded,
        },
    })
}

fn recorded(artifact: &Artifact) -> Value {
    json!({"name": artifact.name, "versionId": artifact.version_id, "sha256": artifact.sha256})
}

fn artifact(name: &ArtifactName, bucket: &str, key: &str) -> Value {
    let location = json!({"bucketName": bucket, "objectKey": key});
    json!({"name": name, "revision": null, "location": {"type": "S3", "s3Location": location}})
}
