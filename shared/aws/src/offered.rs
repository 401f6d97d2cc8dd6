//! What an installation on AWS performs, and what of a pipeline it refuses before an execution starts.

pub mod cloudformation;
pub mod codebuild;
pub mod codedeploy;
pub mod codedeploy_to_ecs;
pub mod commands;
pub mod ecs;
pub mod lambda;
pub mod network;
pub mod s3_deploy;
pub mod s3_source;
mod shape;

use std::sync::Arc;

use penstock_app::port::provider::{Provider, Providers};
use penstock_model::diagnostic::{Diagnostic, Place};
use penstock_model::pipeline::{Action, ActionType, Category, Owner, Pipeline, Stage};
use penstock_model::stores::Stores;

use crate::default_role::DefaultRoleProviders;
use network::Network;

/// Refuses what cannot work; performs nothing itself.
#[derive(Debug, Clone)]
pub struct Offered {
    region: String,
    default_role: DefaultRoleProviders,
    network: Network,
}

impl Offered {
    /// By an installation in `region`, whose default role serves `default_role`.
    pub fn new(region: impl Into<String>, default_role: DefaultRoleProviders) -> Self {
        Self { region: region.into(), default_role, network: Network::default() }
    }

    /// The same, whose Commands run in `network`.
    #[must_use]
    pub fn with_network(self, network: Network) -> Self {
        Self { network, ..self }
    }

    fn why(&self, pipeline: &Pipeline, action: &Action) -> Option<String> {
        refuse(action, &self.network)
            .or_else(|| refuse_region(pipeline, action, &self.region))
            .or_else(|| self.default_role.refuse(pipeline, action))
    }
}

impl Providers for Offered {
    fn find(&self, _action: &ActionType) -> Option<Arc<dyn Provider>> {
        None
    }

    fn refuse(&self, pipeline: &Pipeline) -> Vec<Diagnostic> {
        let actions =
            pipeline.stages.iter().flat_map(|stage| stage.actions.iter().map(move |action| (stage, action)));
        let refused = |(stage, action)| Some(refusal(stage, action, &self.why(pipeline, action)?));
        actions.filter_map(refused).collect()
    }
}

/// Why an installation in `home` cannot perform `action` where it is to run, with the way out: artifacts are taken and
/// left in a store of the action's region (`CodePipeline` user guide, "Add a cross-Region action").
pub fn refuse_region(pipeline: &Pipeline, action: &Action, home: &str) -> Option<String> {
    if action.action_type_id.category == Category::Approval {
        return None;
    }
    let region = action.region.as_deref().unwrap_or(home);
    let runs = format!("it runs in {}", region.escape_debug());
    if region != home && action.action_type_id.provider == "Commands" {
        return Some(format!(
            "{runs}, and Commands run on the stack's CodeBuild project, in {home}; remove `region`, or use a CodeBuild project there"
        ));
    }
    match Stores::of(pipeline) {
        Some(Stores::Regional(stores)) if stores.contains_key(region) => None,
        Some(Stores::Regional(_)) => {
            Some(format!("{runs}, where `artifactStores` has no store; add a bucket in that region"))
        }
        Some(Stores::One(_)) | None if region == home => None,
        // Nothing of it is stored there, and pipelines that were stored before this was asked for go on.
        Some(Stores::One(_)) | None
            if action.input_artifacts.is_empty() && action.output_artifacts.is_empty() =>
        {
            None
        }
        Some(Stores::One(_)) | None => Some(format!(
            "{runs}, where the pipeline has no artifact store; give it `artifactStores` with a bucket in {home} and one in {} (and no `artifactStore`), and apply it again",
            region.escape_debug()
        )),
    }
}

/// Why `action` cannot be performed on AWS, with the way out.
fn refuse(action: &Action, network: &Network) -> Option<String> {
    let kind = &action.action_type_id;
    match (kind.category, kind.owner, kind.provider.as_str()) {
        (Category::Source, _, _) if kind.is_github_source() => refuse_repository(action),
        (Category::Source, Owner::Aws, "S3") => s3_source::refuse(action),
        (Category::Build | Category::Test, Owner::Aws, "CodeBuild") => codebuild::refuse(action),
        (Category::Compute | Category::Build | Category::Test, Owner::Aws, "Commands") => {
            commands::refuse(action, network)
        }
        (Category::Deploy, Owner::Aws, "CodeDeploy") => codedeploy::refuse(action),
        (Category::Deploy, Owner::Aws, "CodeDeployToECS") => codedeploy_to_ecs::refuse(action),
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

#[cfg(test)]
mod tests {
    use penstock_model::pipeline::ArtifactStore;
    use penstock_testkit::build::{action, build, pipeline};

    use super::*;

    #[test]
    fn an_action_without_artifacts_needs_no_store() {
        let mut action = build("Build").build();
        action.region = Some("eu-west-1".into());
        assert_eq!(refuse_region(&pipeline("web").build(), &action, "us-east-1"), None);
    }

    #[test]
    fn what_the_default_role_does_not_serve_needs_a_role_of_its_own() {
        let publish = action("Publish", Category::Deploy, "S3").set("BucketName", "b").set("Extract", "true");
        let web = pipeline("web").stage("Release", [publish.consumes("Code")]).build();
        let told = |served: &str| {
            let offered = Offered::new("us-east-1", DefaultRoleProviders::parse(served).unwrap());
            offered.refuse(&web).into_iter().map(|it| it.message).collect::<Vec<_>>()
        };
        let refused = told("Lambda");
        assert_eq!(refused.len(), 1, "{refused:?}");
        assert!(
            refused[0].contains("`Publish`") && refused[0].contains("DefaultRoleProviders"),
            "{refused:?}"
        );
        assert_eq!(told("S3"), Vec::<String>::new());
    }

    fn refused(stores: &[&str], region: Option<&str>) -> Option<String> {
        let mut pipeline = pipeline("web").build();
        let store = |region: &&str| {
            let store = ArtifactStore { kind: "S3".into(), location: "b".into(), encryption_key: None };
            ((*region).to_owned(), store)
        };
        pipeline.artifact_stores = (!stores.is_empty()).then(|| stores.iter().map(store).collect());
        let mut action = build("Build").consumes("Code").build();
        action.region = region.map(str::to_owned);
        refuse_region(&pipeline, &action, "us-east-1")
    }

    #[test]
    fn an_action_needs_a_store_where_it_runs() {
        assert_eq!(refused(&[], None), None);
        assert_eq!(refused(&[], Some("us-east-1")), None);
        assert!(
            refused(&[], Some("eu-west-1")).unwrap().contains("`artifactStores` with a bucket in us-east-1")
        );
        let both = ["us-east-1", "eu-west-1"];
        assert_eq!((refused(&both, Some("eu-west-1")), refused(&both, None)), (None, None));
        assert!(refused(&both, Some("ap-south-1")).unwrap().starts_with("it runs in ap-south-1"));
        assert!(refused(&both[1..], None).unwrap().starts_with("it runs in us-east-1"));
    }
}
