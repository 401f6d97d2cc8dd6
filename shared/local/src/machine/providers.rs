//! Puts the machine's providers together.

use std::io;
use std::path::Path;
use std::sync::Arc;

use penstock_app::port::clock::Clock;
use penstock_app::port::repository::{NoRepository, Repository};
use penstock_process::Lineage;
use tokio::sync::Semaphore;

use super::{MachineError, io_at};
use crate::anticipated::Anticipated;
use crate::builds::{self, BuildNumbers, Builds};
use crate::code_deploy::CodeDeploy;
use crate::database::Database;
use crate::in_flight::InFlight;
use crate::invoke::Invoke;
use crate::logs::LogFiles;
use crate::machine_files::MachineFiles;
use crate::objects::Objects;
use crate::registry::{Further, Own, Registry};
use crate::secrets::MachineSecrets;
use crate::settings::Settings;
use crate::site::Sites;
use crate::source::{GitRepository, GitSource};
use crate::workspace::Workspaces;

/// What providers are made of.
pub(super) struct Parts<'a> {
    pub(super) settings: &'a Settings,
    pub(super) logs: &'a LogFiles,
    pub(super) in_flight: &'a InFlight,
    pub(super) lineage: &'a Lineage,
    pub(super) clock: &'a Arc<dyn Clock>,
    pub(super) database: &'a Arc<Database>,
}

impl Parts<'_> {
    /// All providers, the `further` ones first.
    pub(super) fn registry(
        &self,
        repository: Option<&GitRepository>,
        further: Vec<Further>,
    ) -> Result<Registry, MachineError> {
        let dir = &self.settings.dir;
        let tree = repository.map(GitRepository::path);
        let files = MachineFiles::of(dir, &self.settings.further_files, tree);
        let objects = at(&dir.join("artifacts"), |root| {
            let objects = Objects::open(root)?;
            objects.clear_incoming().map(|()| objects)
        })?;
        let objects = objects.carried_by(Arc::clone(self.database))?;
        let limits = self.settings.limits;
        let workspaces = at(&dir.join("work"), |root| Workspaces::open(root, objects.clone(), limits))?;
        let sites = at(&dir.join("sites"), |root| std::fs::create_dir_all(root).map(|()| root.to_owned()))?;
        let (logs, clock) = (self.logs.clone(), Arc::clone(self.clock));
        let own = Own {
            source: GitSource::new(
                tree.map(Path::to_owned),
                self.settings.dirty,
                objects.clone(),
                logs.clone(),
                clock.clone(),
                self.in_flight.leaving(),
            ),
            builds: self.builds(files.clone(), workspaces.clone(), objects),
            code_deploy: CodeDeploy {
                dir: dir.clone(),
                files: files.clone(),
                workspaces: workspaces.clone(),
                logs: logs.clone(),
                in_flight: self.in_flight.clone(),
                lineage: self.lineage.clone(),
                clock: clock.clone(),
            },
            sites: Sites {
                root: sites,
                served: self.settings.serves_sites,
                workspaces: workspaces.clone(),
                logs: logs.clone(),
                clock: clock.clone(),
                publishing: Arc::default(),
                under_way: Arc::default(),
            },
            invoke: Invoke {
                files: files.clone(),
                workspaces,
                logs,
                in_flight: self.in_flight.clone(),
                lineage: self.lineage.clone(),
                clock,
            },
        };
        let further = further.into_iter().map(|it| it.trying_for(self.logs, self.clock)).collect();
        Ok(Registry::new(own, further, files, tree.is_some()))
    }

    fn builds(&self, files: MachineFiles, workspaces: Workspaces, objects: Objects) -> Builds {
        let dir = self.settings.dir.clone();
        let places = self.settings.parallel_builds.max(1);
        Builds(Arc::new(builds::Parts {
            files,
            workspaces,
            objects,
            logs: self.logs.clone(),
            in_flight: self.in_flight.clone(),
            secrets: Arc::new(MachineSecrets::new(&dir).or_in(&self.settings.further_files)),
            lineage: self.lineage.clone(),
            clock: Arc::clone(self.clock),
            numbers: BuildNumbers::open(&dir),
            places: Arc::new(Semaphore::new(places)),
            all_places: places,
            anticipated: Anticipated::new(self.in_flight.leaving()),
            dir,
        }))
    }
}

fn at<T>(path: &Path, open: impl FnOnce(&Path) -> io::Result<T>) -> Result<T, MachineError> {
    open(path).map_err(io_at(path))
}

/// The repository as deliveries ask for it.
pub(super) fn repository(repository: Option<GitRepository>) -> Arc<dyn Repository> {
    match repository {
        Some(repository) => Arc::new(repository),
        None => Arc::new(NoRepository),
    }
}
