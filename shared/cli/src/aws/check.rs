//! What AWS would refuse a pipeline, found before the pipeline needs it: roles, their trust, their rights, and what
//! actions name that is not there. What may not be asked is said, never taken for good.

use std::collections::{BTreeMap, BTreeSet};

use penstock_aws::default_role::{self, DefaultRoleProviders};
use penstock_aws::offered;
use penstock_aws::session::{external_id, session_name};
use penstock_aws::trust::Roles;
use penstock_model::definition;
use penstock_model::diagnostic::{Diagnostic, Place, Severity};
use penstock_model::document;
use penstock_model::id::ActionName;
use penstock_model::pipeline::{Action, Category, OutputArtifact, Owner, Pipeline};
use penstock_model::stores::Stores;

use super::failed;
use super::installation::Installation;

mod keys;
mod needs;
mod places;
mod presence;
mod role;
mod service_role;
mod task_roles;
mod uploads;

use needs::Where;
use places::Places;
use role::{Examined, Problem};

/// What an installation offers a pipeline's actions, as its stack puts it out.
struct Offer {
    /// What the sessions of their roles are called.
    session: String,
    default_role: Option<String>,
    /// Whose actions that role serves.
    default_role_providers: DefaultRoleProviders,
    external_id: String,
    /// The one that is said for this pipeline first.
    pipelines_id: String,
    /// The roles of the action and the artifact function, which assume the actions' roles.
    action: String,
    artifact: String,
    listed: Vec<String>,
    /// The topics that approvals may name.
    topics: Vec<String>,
    /// The buckets whose uploads it is told of.
    source_buckets: Vec<String>,
    artifact_bucket: String,
    commands_project: String,
    account: String,
}

impl Offer {
    fn of(installation: &Installation, pipeline: &Pipeline) -> anyhow::Result<Self> {
        let trusted = installation.output("TrustedRoleArns")?;
        let (action, artifact) = trusted.split_once(',').unwrap_or((trusted, trusted));
        let parameter =
            |name: &str| installation.stack.parameters.get(name).map(String::as_str).unwrap_or_default();
        let of_parameter =
            |name: &str| parameter(name).split(',').map(|arn| arn.trim().to_owned()).collect::<Vec<_>>();
        let mut topics = of_parameter("NotificationTopicArns");
        let own = ["ApprovalTopicArn", "FailureTopicArn"].map(|output| installation.output(output).ok());
        topics.extend(own.into_iter().flatten().map(str::to_owned));
        Ok(Self {
            session: session_name(&pipeline.name),
            default_role: installation.output("DefaultActionRoleArn").ok().map(str::to_owned),
            default_role_providers: DefaultRoleProviders::parse(parameter(default_role::PARAMETER))
                .map_err(failed)?
                .of_role(installation.output("DefaultActionRoleArn").ok().map(str::to_owned)),
            pipelines_id: external_id(installation.output("ExternalId")?, &pipeline.name),
            external_id: installation.output("ExternalId")?.to_owned(),
            action: action.to_owned(),
            artifact: artifact.to_owned(),
            listed: of_parameter("AssumableRoleArns"),
            topics,
            source_buckets: of_parameter("SourceBuckets"),
            artifact_bucket: installation.output("ArtifactBucket")?.to_owned(),
            commands_project: installation.output("CommandsProject")?.to_owned(),
            account: installation.stack.account().to_owned(),
        })
    }

    /// Who assumes the role of an action of this category.
    fn assumes(&self, category: Category) -> &str {
        match category {
            Category::Source => &self.artifact,
            Category::Build
            | Category::Test
            | Category::Deploy
            | Category::Invoke
            | Category::Approval
            | Category::Compute => &self.action,
        }
    }
}

/// Everything that `installation` and its AWS account would refuse the pipeline defined by `source`.
pub(crate) async fn problems(installation: &Installation, source: &str) -> anyhow::Result<Vec<Diagnostic>> {
    let document = document::parse(source);
    let (Some(pipeline), Some(root)) =
        (definition::from_document(&document).pipeline, document.root.as_ref())
    else {
        return Ok(vec![]);
    };
    let mut check = Check {
        installation,
        offer: Offer::of(installation, &pipeline)?,
        roles: Roles::new(&installation.sdk),
        examined: BTreeMap::new(),
        found: vec![],
    };
    check.pipeline(&pipeline, &Places::of(root)).await?;
    check.found.sort();
    check.found.dedup();
    Ok(check.found)
}

/// A check under way.
struct Check<'a> {
    installation: &'a Installation,
    offer: Offer,
    roles: Roles,
    /// What is known of a role as somebody's to assume: roles are shared by actions, and each is asked for once.
    examined: BTreeMap<(String, String), Examined>,
    found: Vec<Diagnostic>,
}

impl Check<'_> {
    async fn pipeline(&mut self, pipeline: &Pipeline, places: &Places<'_>) -> anyhow::Result<()> {
        self.stores(pipeline, places).await?;
        for stage in &pipeline.stages {
            for action in &stage.actions {
                let place = places.action(stage.name.as_str(), action.name.as_str());
                self.topic(action, &place);
                self.region(pipeline, action, &place);
                self.uploads(pipeline, action, &place).await?;
                if is_performed_on_aws(action) || self.is_stored_by_role(pipeline, action) {
                    self.action(pipeline, action, place).await?;
                }
            }
        }
        Ok(())
    }

    async fn action(
        &mut self,
        pipeline: &Pipeline,
        action: &Action,
        place: places::OfAction,
    ) -> anyhow::Result<()> {
        let own = self.offer.default_role_providers.own_role(pipeline, action);
        let Some(role) = own.map(str::to_owned).or_else(|| self.default_role(action)) else {
            let (name, provider) = (&action.name, &action.action_type_id.provider);
            self.error(
                place.role,
                "no-role",
                format!(
                    "`{name}`: {}; the role has to be one that may do what {provider} does",
                    default_role::without_role(provider)
                ),
            );
            return Ok(());
        };
        let examined = self.examine(&role, action.action_type_id.category).await?;
        for Problem { code, severity, message } in &examined.problems {
            match severity {
                Severity::Error => self.error(place.role, code, message.clone()),
                Severity::Warning => self.warning(place.role, code, message.clone()),
            }
        }
        let whereabouts = self.whereabouts(pipeline, action, &role);
        if examined.is_there {
            self.rights(action, &role, &whereabouts, &place).await?;
        }
        if let Some((key, problem)) = presence::problem(&self.installation.sdk, action, &whereabouts).await? {
            match problem {
                presence::Problem::Missing(message) => self.error(place.key(key), "not-there", message),
                presence::Problem::Unseen(message) => self.warning(place.key(key), "may-not-look", message),
            }
        }
        let sdk = &self.installation.sdk;
        for (key, lack) in service_role::lacks(sdk, &self.roles, action, &whereabouts).await? {
            self.lack(&action.name, place.key(key), lack);
        }
        Ok(())
    }

    /// Whether the buckets of the artifact stores are where they are said to be.
    async fn stores(&mut self, pipeline: &Pipeline, places: &Places<'_>) -> anyhow::Result<()> {
        let sdk = &self.installation.sdk;
        let one = pipeline.artifact_store.iter().map(|store| (None, store));
        let regional = pipeline.artifact_stores.iter().flatten();
        let regional = regional.map(|(region, store)| (Some(region.as_str()), store));
        for (region, store) in one.chain(regional) {
            let found = presence::store(sdk, &store.location, region.unwrap_or(sdk.region())).await?;
            let place = places.bucket(region);
            match found {
                Some(presence::Problem::Missing(message)) => self.error(place, "no-artifact-store", message),
                Some(presence::Problem::Unseen(message)) => self.warning(place, "may-not-look", message),
                None => {}
            }
        }
        Ok(())
    }

    /// Whether the action has an artifact store where it runs.
    fn region(&mut self, pipeline: &Pipeline, action: &Action, place: &places::OfAction) {
        if let Some(why) = offered::refuse_region(pipeline, action, self.installation.sdk.region()) {
            let message = format!("action `{}`: {why}", action.name);
            self.error(place.region, "region-without-store", message);
        }
    }

    /// Whether the stack may publish to the topic that an approval names.
    fn topic(&mut self, action: &Action, place: &places::OfAction) {
        let topic = needs::known(action, "NotificationArn");
        if topic != "*" && !self.offer.topics.iter().any(|it| it == topic) {
            self.error(
                place.key("NotificationArn"),
                "topic-not-listed",
                format!("the stack may not publish to {topic}, so nobody there would be asked; add it to the stack's parameter NotificationTopicArns"),
            );
        }
    }

    /// Whether an upload starts the pipeline, if the action is a source that follows an object.
    async fn uploads(
        &mut self,
        pipeline: &Pipeline,
        action: &Action,
        place: &places::OfAction,
    ) -> anyhow::Result<()> {
        let (sdk, listed) = (&self.installation.sdk, &self.offer.source_buckets);
        for (code, message) in uploads::problems(sdk, pipeline, &action.name, listed).await? {
            self.warning(place.key("S3Bucket"), code, message);
        }
        Ok(())
    }

    /// Whether it fetches from GitHub into a store of the pipeline's, which the function's own rights do not reach.
    fn is_stored_by_role(&self, pipeline: &Pipeline, action: &Action) -> bool {
        action.action_type_id.is_github_source() && self.whereabouts(pipeline, action, "").own_store
    }

    fn default_role(&self, action: &Action) -> Option<String> {
        let serves = self.offer.default_role_providers.serves(&action.action_type_id.provider)
            || action.action_type_id.is_github_source();
        self.offer.default_role.clone().filter(|_| serves)
    }

    async fn examine(&mut self, role: &str, category: Category) -> anyhow::Result<Examined> {
        let by = self.offer.assumes(category).to_owned();
        let key = (role.to_owned(), by.clone());
        if let Some(known) = self.examined.get(&key) {
            return Ok(known.clone());
        }
        let examined = role::examine(&self.roles, &self.offer, role, &by).await?;
        self.examined.insert(key, examined.clone());
        Ok(examined)
    }

    fn whereabouts(&self, pipeline: &Pipeline, action: &Action, role: &str) -> Where {
        let region = action.region.as_deref().unwrap_or(self.installation.sdk.region());
        let stores = Stores::of(pipeline);
        let store = stores.as_ref().and_then(|stores| stores.in_region(region));
        let artifact_bucket =
            store.map_or_else(|| self.offer.artifact_bucket.clone(), |store| store.location.clone());
        let far_buckets = self.far_buckets(pipeline, action, &artifact_bucket);
        let partition = role.split(':').nth(1).unwrap_or("aws");
        let account = role.split(':').nth(4).unwrap_or_default();
        let key = store.and_then(|store| store.kms_key());
        Where {
            partition: partition.to_owned(),
            region: region.to_owned(),
            account: account.to_owned(),
            artifact_key: key.map(|key| keys::arn(key, partition, region, account)),
            own_store: artifact_bucket != self.offer.artifact_bucket,
            artifact_bucket,
            far_buckets,
            commands_project: self.offer.commands_project.clone(),
        }
    }

    /// The stores of other regions from which input artifacts of `action` are copied.
    fn far_buckets(&self, pipeline: &Pipeline, action: &Action, near: &str) -> Vec<(String, Option<String>)> {
        let Some(stores) = &pipeline.artifact_stores else {
            return vec![];
        };
        let home = self.installation.sdk.region();
        let takes = |output: &OutputArtifact| action.input_artifacts.iter().any(|it| it.name == output.name);
        let producers = pipeline.stages.iter().flat_map(|stage| &stage.actions);
        let producers = producers.filter(|action| action.output_artifacts.iter().any(takes));
        let stores = producers.filter_map(|it| stores.get(it.region.as_deref().unwrap_or(home)));
        let buckets: BTreeSet<_> = stores.map(|store| (store.location.as_str(), store.kms_key())).collect();
        let far = buckets.into_iter().filter(|(bucket, _)| *bucket != near);
        far.map(|(bucket, key)| (bucket.to_owned(), key.map(str::to_owned))).collect()
    }

    /// Whether the role may make the calls that the action's provider makes.
    async fn rights(
        &mut self,
        action: &Action,
        role: &str,
        whereabouts: &Where,
        place: &places::OfAction,
    ) -> anyhow::Result<()> {
        for need in needs::needs(action, whereabouts) {
            for lack in role::lacking(&self.roles, role, &need).await? {
                self.lack(&action.name, place.role, lack);
            }
        }
        let sdk = &self.installation.sdk;
        for lack in task_roles::lacks(sdk, &self.roles, action, whereabouts, role).await? {
            self.lack(&action.name, place.role, lack);
        }
        Ok(())
    }

    fn lack(&mut self, action: &ActionName, place: Place, lack: role::Lack) {
        match lack {
            role::Lack::Denied(message) => {
                self.error(place, "permission-missing", format!("`{action}`: {message}"));
            }
            role::Lack::Useful(message) => {
                self.warning(place, "permission-useful", format!("`{action}`: {message}"));
            }
            role::Lack::Unknown(message) => self.warning(place, "may-not-ask", message),
        }
    }

    fn error(&mut self, place: Place, code: &str, message: String) {
        self.found.push(Diagnostic::error(place, code, message));
    }

    fn warning(&mut self, place: Place, code: &str, message: String) {
        self.found.push(Diagnostic::warning(place, code, message));
    }
}

/// Whether AWS performs the action: not a person, and not the function itself with a token of GitHub's.
fn is_performed_on_aws(action: &Action) -> bool {
    let kind = &action.action_type_id;
    kind.owner == Owner::Aws && kind.category != Category::Approval && !kind.is_github_source()
}
