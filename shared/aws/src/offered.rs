//! What an installation on AWS performs, and what of a pipeline it refuses before an execution starts.

use std::sync::Arc;

use penstock_app::port::provider::{Provider, Providers};
use penstock_model::diagnostic::{Diagnostic, Place};
use penstock_model::pipeline::{Action, ActionType, Category, Owner, Pipeline, Stage};

use crate::provider::{cloudformation, codebuild, codedeploy, commands, ecs, lambda, s3_deploy, s3_source};

/// Refuses what cannot work; performs nothing itself.
#[derive(Debug, Clone, Copy)]
pub struct Offered;

impl Providers for Offered {
    fn find(&self, _action: &ActionType) -> Option<Arc<dyn Provider>> {
        None
    }

    fn refuse(&self, pipeline: &Pipeline) -> Vec<Diagnostic> {
        let actions =
            pipeline.stages.iter().flat_map(|stage| stage.actions.iter().map(move |action| (stage, action)));
        actions.filter_map(|(stage, action)| Some(refusal(stage, action, &refuse(action)?))).collect()
    }
}

/// Why `action` cannot be performed on AWS, with the way out.
pub fn refuse(action: &Action) -> Option<String> {
    let kind = &action.action_type_id;
    match (kind.category, kind.owner, kind.provider.as_str()) {
        (Category::Source, _, "GitHub" | "CodeStarSourceConnection") => refuse_repository(action),
        (Category::Source, Owner::Aws, "S3") => s3_source::refuse(action),
        (Category::Build | Category::Test, Owner::Aws, "CodeBuild") => codebuild::refuse(action),
        (Category::Compute | Category::Build | Category::Test, Owner::Aws, "Commands") => {
            commands::refuse(action)
        }
        (Category::Deploy, Owner::Aws, "CodeDeploy") => codedeploy::refuse(action),
        (Category::Deploy, Owner::Aws, "CodeDeployToECS") => codedeploy::refuse_to_ecs(action),
        (Category::Deploy, Owner::Aws, "CloudFormation") => cloudformation::refuse(action),
        (Category::Deploy, Owner::Aws, "ECS") => ecs::refuse(action),
        (Category::Deploy, Owner::Aws, "S3") => s3_deploy::refuse(action),
        (Category::Invoke, Owner::Aws, "Lambda") => lambda::refuse(action),
        (Category::Approval, Owner::Aws, "Manual") => None,
        (
            Category::Source
            | Category::Build
            | Category::Test
            | Category::Compute
            | Category::Deploy
            | Category::Invoke
            | Category::Approval,
            _,
            provider,
        ) => Some(format!(
            "there is no provider `{}` for {:?} actions here; a Commands action can call the tool instead",
            provider.escape_debug(),
            kind.category
        )),
    }
}

/// On AWS there is no working tree that a source without a repository could mean.
fn refuse_repository(action: &Action) -> Option<String> {
    let has = |key: &str| action.configuration.get(key).is_some_and(|value| !value.is_empty());
    let named = has("FullRepositoryId") || (has("Owner") && has("Repo"));
    (!named).then(|| "it names no repository; set Owner and Repo, or FullRepositoryId".to_owned())
}

fn refusal(stage: &Stage, action: &Action, why: &str) -> Diagnostic {
    let message =
        format!("action `{}` of stage `{}` cannot be performed on AWS: {why}", action.name, stage.name);
    Diagnostic::error(Place::START, "provider-not-here", message)
}
