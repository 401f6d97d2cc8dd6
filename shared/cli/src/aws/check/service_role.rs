//! The role that CodeBuild itself works under: it fetches a build's sources and stores its artifacts, not the action.
//!
//! A project that was made for `CodePipeline` has one that may use `CodePipeline`'s own buckets only.

use penstock_aws::sdk::Sdk;
use penstock_aws::trust::Roles;
use penstock_model::pipeline::Action;
use serde_json::json;

use super::needs::{Need, Where, known};
use super::role::{self, Lack};
use crate::aws::ask::{self, Service};

const CODEBUILD: Service = Service { signing: "codebuild", host: "codebuild", id: "CODEBUILD" };
/// The setting that names a role in place of the project's.
const OVERRIDE: &str = "ServiceRoleArnOverride";

/// What the role of the build that `action` starts lacks, with the configuration key that names the role or its project.
/// Only in the account that these credentials are of.
pub(super) async fn lacks(
    sdk: &Sdk,
    roles: &Roles,
    action: &Action,
    place: &Where,
) -> anyhow::Result<Vec<(&'static str, Lack)>> {
    if action.action_type_id.provider != "CodeBuild" {
        return Ok(vec![]);
    }
    let Some((key, arn)) = role_of(sdk, action, place).await? else {
        return Ok(vec![]);
    };
    // Another account's role cannot be asked about, nor one that is no role.
    if arn.split(':').nth(4) != Some(place.account.as_str()) {
        return Ok(vec![]);
    }
    let mut found = vec![];
    let objects = place.artifacts(&place.artifact_bucket);
    for need in of_build(action, &objects) {
        for lack in role::lacking(roles, &arn, &need).await? {
            found.push((key, with_policy(lack, &arn, action, &objects)));
        }
    }
    Ok(found)
}

/// What the build's role needs of the artifacts, `objects`.
fn of_build(action: &Action, objects: &str) -> Vec<Need> {
    let read = Need::new(&["s3:GetObject", "s3:GetObjectVersion"], objects);
    let written = (!action.output_artifacts.is_empty()).then(|| Need::new(&["s3:PutObject"], objects));
    std::iter::once(read).chain(written).collect()
}

/// The role's ARN, where it is known before an execution.
async fn role_of(
    sdk: &Sdk,
    action: &Action,
    place: &Where,
) -> anyhow::Result<Option<(&'static str, String)>> {
    if action.configuration.contains_key(OVERRIDE) {
        let arn = known(action, OVERRIDE);
        return Ok((arn != "*").then(|| (OVERRIDE, arn.to_owned())));
    }
    let project = known(action, "ProjectName");
    if project == "*" {
        return Ok(None);
    }
    let target = ("1.1", "CodeBuild_20161006.BatchGetProjects");
    let answer = ask::json(sdk, CODEBUILD, &place.region, target, &json!({ "names": [project] })).await?;
    // Whether the project is there and may be looked at is said where its presence is looked for.
    let role = answer.body["projects"][0]["serviceRole"].as_str();
    Ok(role.map(|arn| ("ProjectName", arn.to_owned())))
}

/// A lack, said as one of the build's role, with the policy that mends it.
fn with_policy(lack: Lack, arn: &str, action: &Action, objects: &str) -> Lack {
    let say = |message: String| {
        let name = arn.rsplit('/').next().unwrap_or(arn);
        let policy = policy(action, objects);
        format!(
            "the build fetches and stores artifacts under its project's role: {message}: aws iam put-role-policy --role-name {name} --policy-name penstock-artifacts --policy-document '{policy}'"
        )
    };
    match lack {
        Lack::Denied(message) => Lack::Denied(say(message)),
        Lack::Useful(message) => Lack::Useful(say(message)),
        Lack::Unknown(message) => Lack::Unknown(message),
    }
}

fn policy(action: &Action, objects: &str) -> String {
    let calls: Vec<&str> = of_build(action, objects).into_iter().flat_map(|need| need.actions).collect();
    let statement = json!({ "Effect": "Allow", "Action": calls, "Resource": objects });
    json!({ "Version": "2012-10-17", "Statement": [statement] }).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_build_without_artifacts_of_its_own_only_reads() {
        let test = |outputs: serde_json::Value| -> Action {
            serde_json::from_value(json!({
                "name": "Unit", "actionTypeId": { "category": "Test", "owner": "AWS", "provider": "CodeBuild", "version": "1" },
                "configuration": { "ProjectName": "web" }, "inputArtifacts": [{ "name": "Source" }], "outputArtifacts": outputs
            }))
            .unwrap()
        };
        assert!(!policy(&test(json!([])), "arn").contains("s3:PutObject"));
        assert!(policy(&test(json!([{ "name": "Report" }])), "arn").contains("s3:PutObject"));
    }
}
