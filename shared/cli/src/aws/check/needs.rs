//! Which calls the provider of an action makes, and on what: the rights that its role needs.
//!
//! `CodePipeline` user guide, "Action structure reference" (the service role's policy of each action), as far as the
//! providers here make the calls.

use penstock_model::pipeline::{Action, Category};

/// Where an action is performed.
#[derive(Debug, Clone)]
pub(super) struct Where {
    pub(super) partition: String,
    pub(super) region: String,
    pub(super) account: String,
    pub(super) artifact_bucket: String,
    pub(super) commands_project: String,
}

impl Where {
    fn arn(&self, service: &str, rest: &str) -> String {
        let Self { partition, region, account, .. } = self;
        format!("arn:{partition}:{service}:{region}:{account}:{rest}")
    }

    fn objects(&self, bucket: &str) -> String {
        format!("arn:{}:s3:::{bucket}/*", self.partition)
    }
}

/// Calls on one resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Need {
    /// Such as `codebuild:StartBuild`.
    pub(super) actions: Vec<&'static str>,
    /// An ARN, or `*`.
    pub(super) resource: String,
    /// What the request says besides, for conditions of policies.
    pub(super) context: Vec<(&'static str, String)>,
}

impl Need {
    fn new(actions: &[&'static str], resource: impl Into<String>) -> Self {
        Self { actions: actions.to_vec(), resource: resource.into(), context: vec![] }
    }
}

/// What of a configuration is known before an execution; what refers to variables is any.
pub(super) fn known<'a>(action: &'a Action, key: &str) -> &'a str {
    let value = action.configuration.get(key).map_or("*", String::as_str);
    if value.is_empty() || value.contains("#{") { "*" } else { value }
}

/// The rights that the role of `action` needs.
pub(super) fn needs(action: &Action, place: &Where) -> Vec<Need> {
    let kind = &action.action_type_id;
    let mut needs = match (kind.provider.as_str(), kind.category) {
        ("CodeBuild", _) => builds(place, known(action, "ProjectName"), action),
        ("Commands", _) => builds(place, &place.commands_project, action),
        ("CloudFormation", _) => stacks(place, action),
        ("CodeDeploy", _) => deployments(place, action),
        ("ECS", _) => services(place, action),
        ("S3", Category::Source) => vec![
            Need::new(
                &["s3:GetBucketVersioning"],
                format!("arn:{}:s3:::{}", place.partition, known(action, "S3Bucket")),
            ),
            Need::new(&["s3:GetObject", "s3:GetObjectVersion"], place.objects(known(action, "S3Bucket"))),
        ],
        ("S3", _) => vec![Need::new(&["s3:PutObject"], place.objects(known(action, "BucketName")))],
        ("Lambda", Category::Invoke) => {
            let function = place.arn("lambda", &format!("function:{}", known(action, "FunctionName")));
            vec![Need::new(&["lambda:InvokeFunction"], function)]
        }
        _ => return vec![],
    };
    let objects = place.objects(&place.artifact_bucket);
    if !action.input_artifacts.is_empty() {
        needs.push(Need::new(&["s3:GetObject", "s3:GetObjectVersion"], &objects));
    }
    if !action.output_artifacts.is_empty() {
        needs.push(Need::new(&["s3:PutObject"], objects));
    }
    needs
}

fn builds(place: &Where, project: &str, action: &Action) -> Vec<Need> {
    let batch =
        action.configuration.get("BatchEnabled").is_some_and(|value| value.eq_ignore_ascii_case("true"));
    let actions: &[&str] = if batch {
        &[
            "codebuild:StartBuildBatch",
            "codebuild:BatchGetBuildBatches",
            "codebuild:StopBuildBatch",
            "codebuild:ListBuildBatchesForProject",
        ]
    } else {
        &[
            "codebuild:StartBuild",
            "codebuild:BatchGetBuilds",
            "codebuild:StopBuild",
            "codebuild:ListBuildsForProject",
        ]
    };
    vec![Need::new(actions, place.arn("codebuild", &format!("project/{project}")))]
}

fn stacks(place: &Where, action: &Action) -> Vec<Need> {
    let stack = place.arn("cloudformation", &format!("stack/{}/*", known(action, "StackName")));
    let calls: &[&str] = match known(action, "ActionMode") {
        "CREATE_UPDATE" => {
            &["cloudformation:DescribeStacks", "cloudformation:CreateStack", "cloudformation:UpdateStack"]
        }
        "REPLACE_ON_FAILURE" => &[
            "cloudformation:DescribeStacks",
            "cloudformation:CreateStack",
            "cloudformation:UpdateStack",
            "cloudformation:DeleteStack",
        ],
        "DELETE_ONLY" => &["cloudformation:DescribeStacks", "cloudformation:DeleteStack"],
        "CHANGE_SET_REPLACE" => &[
            "cloudformation:DescribeStacks",
            "cloudformation:CreateChangeSet",
            "cloudformation:DescribeChangeSet",
            "cloudformation:DeleteChangeSet",
        ],
        "CHANGE_SET_EXECUTE" => &[
            "cloudformation:DescribeStacks",
            "cloudformation:DescribeChangeSet",
            "cloudformation:ExecuteChangeSet",
        ],
        _ => &["cloudformation:DescribeStacks"],
    };
    let mut needs = vec![Need::new(calls, stack)];
    let role = known(action, "RoleArn");
    if role != "*" && known(action, "ActionMode") != "CHANGE_SET_EXECUTE" {
        let mut pass = Need::new(&["iam:PassRole"], role);
        pass.context.push(("iam:PassedToService", "cloudformation.amazonaws.com".into()));
        needs.push(pass);
    }
    needs
}

fn deployments(place: &Where, action: &Action) -> Vec<Need> {
    let application = known(action, "ApplicationName");
    let group = format!("deploymentgroup:{application}/{}", known(action, "DeploymentGroupName"));
    vec![
        Need::new(
            &[
                "codedeploy:CreateDeployment",
                "codedeploy:GetDeployment",
                "codedeploy:ListDeployments",
                "codedeploy:StopDeployment",
            ],
            place.arn("codedeploy", &group),
        ),
        Need::new(
            &["codedeploy:GetApplicationRevision", "codedeploy:RegisterApplicationRevision"],
            place.arn("codedeploy", &format!("application:{application}")),
        ),
        Need::new(&["codedeploy:GetDeploymentConfig"], place.arn("codedeploy", "deploymentconfig:*")),
    ]
}

fn services(place: &Where, action: &Action) -> Vec<Need> {
    let service = format!("service/{}/{}", known(action, "ClusterName"), known(action, "ServiceName"));
    vec![
        Need::new(&["ecs:DescribeServices", "ecs:UpdateService"], place.arn("ecs", &service)),
        // Task definitions are asked for and registered without a resource (Service authorization reference, ECS).
        Need::new(&["ecs:DescribeTaskDefinition", "ecs:RegisterTaskDefinition"], "*"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn action(json: serde_json::Value) -> Action {
        serde_json::from_value(json).unwrap()
    }

    fn place() -> Where {
        Where {
            partition: "aws".into(),
            region: "eu-west-1".into(),
            account: "111122223333".into(),
            artifact_bucket: "artifacts".into(),
            commands_project: "penstock-commands".into(),
        }
    }

    #[test]
    fn a_build_needs_its_project_and_its_artifacts() {
        let build = action(serde_json::json!({
            "name": "Compile", "actionTypeId": { "category": "Build", "owner": "AWS", "provider": "CodeBuild", "version": "1" },
            "configuration": { "ProjectName": "web", "BatchEnabled": "true" }, "inputArtifacts": [{ "name": "Source" }]
        }));
        let needs = needs(&build, &place());
        assert_eq!(needs[0].resource, "arn:aws:codebuild:eu-west-1:111122223333:project/web");
        assert_eq!(needs[0].actions[0], "codebuild:StartBuildBatch");
        assert_eq!(needs[1], Need::new(&["s3:GetObject", "s3:GetObjectVersion"], "arn:aws:s3:::artifacts/*"));
        assert_eq!(needs.len(), 2);
    }

    #[test]
    fn what_variables_decide_is_any() {
        let deploy = action(serde_json::json!({
            "name": "Up", "actionTypeId": { "category": "Deploy", "owner": "AWS", "provider": "CloudFormation", "version": "1" },
            "configuration": { "StackName": "web-#{variables.STAGE}", "ActionMode": "CREATE_UPDATE", "RoleArn": "arn:aws:iam::111122223333:role/cfn" }
        }));
        let needs = needs(&deploy, &place());
        assert_eq!(needs[0].resource, "arn:aws:cloudformation:eu-west-1:111122223333:stack/*/*");
        assert_eq!(needs[1].actions, ["iam:PassRole"]);
    }
}
