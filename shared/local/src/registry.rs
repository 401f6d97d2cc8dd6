//! Which provider performs which action on this machine, and what of a pipeline cannot be performed here.

use std::sync::Arc;

use async_trait::async_trait;
use penstock_app::engine::state::External;
use penstock_app::port::PortError;
use penstock_app::port::clock::Clock;
use penstock_app::port::provider::{Begun, Done, Observation, Provider, Providers, Stop, Work};
use penstock_model::diagnostic::{Diagnostic, Place};
use penstock_model::pipeline::{Action, ActionType, Category, Owner, Pipeline, Stage};

use crate::builds::{self, Builds};
use crate::code_deploy::{self, CodeDeploy};
use crate::invoke::{self, Invoke};
use crate::logs::LogFiles;
use crate::machine_files::MachineFiles;
use crate::site::{self, Sites};
use crate::source::{GitSource, REPOSITORY_PATH};
use crate::tries::Tries;

/// A provider from outside this crate, such as GitHub's.
pub struct Further {
    /// Whether it performs an action; asked with the whole action, because a source without a repository is always
    /// the local working tree.
    pub serves: Box<dyn Fn(&Action) -> bool + Send + Sync>,
    /// The provider.
    pub provider: Arc<dyn Provider>,
}

impl Further {
    /// The same; what cannot be begun is tried for a while only, and said in the attempt's log.
    pub(crate) fn trying_for(self, logs: &LogFiles, clock: &Arc<dyn Clock>) -> Self {
        let provider = Arc::new(Tries::new(self.provider, logs.clone(), Arc::clone(clock)));
        Self { serves: self.serves, provider }
    }
}

/// The providers of one machine.
pub struct Registry {
    pub(crate) further: Arc<Vec<Further>>,
    pub(crate) source: Arc<dyn Provider>,
    pub(crate) builds: Arc<dyn Provider>,
    pub(crate) code_deploy: Arc<dyn Provider>,
    pub(crate) sites: Arc<dyn Provider>,
    pub(crate) invoke: Arc<dyn Provider>,
    pub(crate) files: MachineFiles,
    /// Whether the server was started inside a git repository.
    pub(crate) has_repository: bool,
}

/// The providers that this crate has.
pub(crate) struct Own {
    pub(crate) source: GitSource,
    pub(crate) builds: Builds,
    pub(crate) code_deploy: CodeDeploy,
    pub(crate) sites: Sites,
    pub(crate) invoke: Invoke,
}

/// What this machine performs by itself.
#[derive(Clone, Copy)]
enum Served {
    Source,
    Build,
    CodeDeploy,
    Site,
    Invoke,
}

impl Served {
    fn of(kind: &ActionType) -> Option<Self> {
        match (kind.category, kind.owner, kind.provider.as_str()) {
            (Category::Source, _, _) if kind.is_git_source() => Some(Self::Source),
            (Category::Build | Category::Test, Owner::Aws, "CodeBuild") => Some(Self::Build),
            (Category::Compute | Category::Build | Category::Test, Owner::Aws, "Commands") => {
                Some(Self::Build)
            }
            (Category::Deploy, Owner::Aws, "CodeDeploy") => Some(Self::CodeDeploy),
            (Category::Deploy, Owner::Aws, "S3") => Some(Self::Site),
            (Category::Invoke, Owner::Custom, "Command") | (Category::Invoke, Owner::Aws, "Lambda") => {
                Some(Self::Invoke)
            }
            (
                Category::Source
                | Category::Build
                | Category::Test
                | Category::Compute
                | Category::Deploy
                | Category::Invoke
                | Category::Approval,
                _,
                _,
            ) => None,
        }
    }
}

impl Registry {
    /// The providers `own`, and before them those `further` ones that say they serve an action.
    pub(crate) fn new(own: Own, further: Vec<Further>, files: MachineFiles, has_repository: bool) -> Self {
        let further = Arc::new(further);
        let wrap = |provider: Arc<dyn Provider>| -> Arc<dyn Provider> {
            Arc::new(Choice { further: Arc::clone(&further), otherwise: Some(provider) })
        };
        Self {
            source: wrap(Arc::new(own.source)),
            builds: wrap(Arc::new(own.builds)),
            code_deploy: wrap(Arc::new(own.code_deploy)),
            sites: wrap(Arc::new(own.sites)),
            invoke: wrap(Arc::new(own.invoke)),
            further,
            files,
            has_repository,
        }
    }

    fn provider(&self, served: Served) -> &Arc<dyn Provider> {
        match served {
            Served::Source => &self.source,
            Served::Build => &self.builds,
            Served::CodeDeploy => &self.code_deploy,
            Served::Site => &self.sites,
            Served::Invoke => &self.invoke,
        }
    }

    fn refuse_action(&self, action: &Action) -> Option<String> {
        if self.further.iter().any(|further| (further.serves)(action)) {
            return None;
        }
        let kind = &action.action_type_id;
        if kind.category == Category::Approval && kind.provider == "Manual" {
            return None;
        }
        match Served::of(kind) {
            None => Some(way_out(kind)),
            Some(Served::Source) => self.refuse_source(action),
            Some(Served::Invoke) => self.refuse_invoke(action),
            Some(Served::Site) => site::refuse(action),
            Some(Served::CodeDeploy) => code_deploy::refuse(action),
            Some(Served::Build) => builds::refuse(action),
        }
    }

    fn refuse_invoke(&self, action: &Action) -> Option<String> {
        if !action.output_artifacts.is_empty() {
            return Some(
                "an Invoke action hands on no artifacts on one machine; use a Commands action for that"
                    .into(),
            );
        }
        if action.configuration.get("Command").is_some_and(|command| command.contains("#{")) {
            return Some("Command holds a `#{...}`, which is other people's text; write it into UserParameters, which the program finds as USER_PARAMETERS in its environment".into());
        }
        invoke::program(action, &self.files).err()
    }

    fn refuse_source(&self, action: &Action) -> Option<String> {
        let has = |key: &str| action.configuration.get(key).is_some_and(|value| !value.is_empty());
        if has(REPOSITORY_PATH) {
            return None;
        }
        if let Some(key) = ["FullRepositoryId", "RepositoryName", "Repo"].into_iter().find(|key| has(key)) {
            return Some(format!(
                "the repository of `{key}` is not reached from this machine; leave the source's configuration out to take the git \
                 working tree in which the server was started, or set `{REPOSITORY_PATH}` to a clone"
            ));
        }
        (!self.has_repository).then(|| {
            format!("a source without a repository is the git working tree in which the server was started, and there is none; start it inside one, or set `{REPOSITORY_PATH}`")
        })
    }
}

impl Providers for Registry {
    fn find(&self, action: &ActionType) -> Option<Arc<dyn Provider>> {
        if let Some(served) = Served::of(action) {
            return Some(Arc::clone(self.provider(served)));
        }
        let is_approval = action.category == Category::Approval;
        (!is_approval && !self.further.is_empty()).then(|| {
            let choice: Arc<dyn Provider> =
                Arc::new(Choice { further: Arc::clone(&self.further), otherwise: None });
            choice
        })
    }

    fn refuse(&self, pipeline: &Pipeline) -> Vec<Diagnostic> {
        let actions =
            pipeline.stages.iter().flat_map(|stage| stage.actions.iter().map(move |action| (stage, action)));
        actions
            .filter_map(|(stage, action)| Some(refusal(stage, action, &self.refuse_action(action)?)))
            .collect()
    }
}

fn refusal(stage: &Stage, action: &Action, why: &str) -> Diagnostic {
    let message =
        format!("action `{}` of stage `{}` cannot be performed here: {why}", action.name, stage.name);
    Diagnostic::error(Place::START, "provider-not-here", message)
}

fn way_out(kind: &ActionType) -> String {
    let provider = kind.provider.escape_debug();
    let instead = match kind.category {
        Category::Source => "use a git source",
        Category::Build | Category::Test | Category::Compute => "use CodeBuild or Commands",
        Category::Deploy => "deploy with CodeDeploy, S3, or a Commands action that calls the tool",
        Category::Invoke => "use the Custom provider `Command`, or Lambda with a program in functions.yml",
        Category::Approval => "use the provider Manual",
    };
    format!("{:?} provider `{provider}` needs AWS; {instead}, or run the pipeline on AWS", kind.category)
}

/// Hands each action to the further provider that serves it, otherwise to this machine's own.
struct Choice {
    further: Arc<Vec<Further>>,
    otherwise: Option<Arc<dyn Provider>>,
}

impl Choice {
    fn of(&self, work: &Work) -> Result<&dyn Provider, PortError> {
        let further = self
            .further
            .iter()
            .find(|further| (further.serves)(&work.action))
            .map(|further| &further.provider);
        further
            .or(self.otherwise.as_ref())
            .map(|provider| &**provider)
            .ok_or_else(|| PortError::permanent(way_out(&work.action.action_type_id)))
    }
}

#[async_trait]
impl Provider for Choice {
    async fn start(&self, work: &Work, taken_over: bool) -> Result<Begun, PortError> {
        self.of(work)?.start(work, taken_over).await
    }

    async fn start_until(&self, work: &Work, taken_over: bool, stop: &Stop) -> Result<Begun, PortError> {
        self.of(work)?.start_until(work, taken_over, stop).await
    }

    fn anticipate(&self, work: &Work) {
        // One whose provider is not here is told so when it starts.
        if let Ok(provider) = self.of(work) {
            provider.anticipate(work);
        }
    }

    async fn ahead(&self, work: &Work) -> Option<Done> {
        self.of(work).ok()?.ahead(work).await
    }

    async fn observe(&self, work: &Work, external: &External) -> Result<Observation, PortError> {
        self.of(work)?.observe(work, external).await
    }

    async fn cancel(&self, work: &Work, external: Option<&External>) -> Result<Observation, PortError> {
        self.of(work)?.cancel(work, external).await
    }
}
