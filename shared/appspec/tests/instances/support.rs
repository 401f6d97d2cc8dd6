//! A deployment group in a temporary folder, with revisions made of text.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use penstock_appspec::appspec::FileExistsBehavior;
use penstock_appspec::lifecycle::LifecycleEvent;
use penstock_appspec::{
    Deployment, DeploymentId, EventStatus, Group, Instance, MinimumHealthy, Observer, Outcome,
    RollbackPolicy, StopSignal, deploy,
};

/// Keeps every line and event.
#[derive(Default)]
pub(crate) struct Recorder {
    lines: Mutex<Vec<String>>,
    events: Mutex<Vec<String>>,
}

impl Recorder {
    pub(crate) fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }

    /// `instance event status`, without what has only begun.
    pub(crate) fn events(&self) -> Vec<String> {
        self.events.lock().unwrap().clone()
    }

    pub(crate) fn says(&self, text: &str) -> bool {
        self.lines().iter().any(|line| line.contains(text))
    }
}

impl Observer for Recorder {
    fn line(&self, instance: Option<&str>, text: &str) {
        let instance = instance.unwrap_or("*");
        self.lines.lock().unwrap().push(format!("{instance}: {text}"));
    }

    fn event(&self, instance: &str, event: LifecycleEvent, status: EventStatus) {
        if status != EventStatus::InProgress {
            self.events.lock().unwrap().push(format!("{instance} {event} {status:?}"));
        }
    }
}

/// A group with instances `a`, `b`, ….
pub(crate) struct Lab {
    pub(crate) path: PathBuf,
    pub(crate) recorder: Arc<Recorder>,
    instances: usize,
    _temporary: Option<tempfile::TempDir>,
}

impl Lab {
    pub(crate) fn new(instances: usize) -> Self {
        let temporary = tempfile::tempdir().unwrap();
        let path = temporary.path().to_owned();
        Self { path, recorder: Arc::default(), instances, _temporary: Some(temporary) }
    }

    /// On a file system in memory if there is one that runs scripts: for tests that deploy hundreds of times.
    pub(crate) fn in_memory(instances: usize) -> Self {
        let runs_scripts = |folder: &tempfile::TempDir| {
            let script = folder.path().join("script");
            let written = fs::write(&script, "#!/bin/sh\n");
            let executable =
                written.and_then(|()| fs::set_permissions(&script, fs::Permissions::from_mode(0o755)));
            let run = executable.and_then(|()| std::process::Command::new(&script).status());
            run.is_ok_and(|status| status.success()) && fs::remove_file(script).is_ok()
        };
        match tempfile::tempdir_in("/dev/shm").ok().filter(runs_scripts) {
            Some(temporary) => {
                let path = temporary.path().to_owned();
                Self { path, recorder: Arc::default(), instances, _temporary: Some(temporary) }
            }
            None => Self::new(instances),
        }
    }

    /// In a folder that somebody else made and removes.
    pub(crate) fn at(path: &Path, instances: usize) -> Self {
        Self { path: path.to_owned(), recorder: Arc::default(), instances, _temporary: None }
    }

    /// Writes a revision: each file with its text; what ends in `.sh` is executable.
    pub(crate) fn revision(&self, name: &str, appspec: &str, files: &[(&str, &str)]) -> PathBuf {
        let directory = self.path.join("revisions").join(name);
        fs::create_dir_all(&directory).unwrap();
        fs::write(directory.join("appspec.yml"), appspec).unwrap();
        for (file, text) in files {
            let path = directory.join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, text).unwrap();
            if file.ends_with(".sh") {
                fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
            }
        }
        directory
    }

    pub(crate) fn root(&self, instance: &str) -> PathBuf {
        self.path.join("instances").join(instance)
    }

    pub(crate) fn read(&self, instance: &str, file: &str) -> String {
        fs::read_to_string(self.root(instance).join(file))
            .unwrap_or_else(|error| format!("({})", error.kind()))
    }

    /// Every path in an instance's folder, sorted; folders end with `/`.
    pub(crate) fn tree(&self, instance: &str) -> Vec<String> {
        let root = self.root(instance);
        let mut found = vec![];
        let mut open = vec![root.clone()];
        while let Some(directory) = open.pop() {
            for entry in fs::read_dir(directory).into_iter().flatten() {
                let entry = entry.unwrap();
                let folder = entry.file_type().unwrap().is_dir();
                let shown = entry.path().strip_prefix(&root).unwrap().display().to_string();
                found.push(if folder { format!("{shown}/") } else { shown });
                if folder {
                    open.push(entry.path());
                }
            }
        }
        found.sort();
        found
    }

    pub(crate) fn deployment(&self, seed: &str, revision: &Path) -> Deployment {
        let instances = (0..self.instances).map(|index| {
            let name = char::from(b'a' + u8::try_from(index).unwrap()).to_string();
            Instance { root: self.root(&name), name }
        });
        Deployment {
            id: DeploymentId::derive(seed),
            group: Group { application: "web".into(), name: "live".into() },
            revision_dir: revision.to_owned(),
            appspec_name: None,
            instances: instances.collect(),
            minimum_healthy: MinimumHealthy::OneAtATime,
            file_exists_behavior: FileExistsBehavior::Disallow,
            ignore_ownership: false,
            ignore_application_stop_failures: false,
            rollback: RollbackPolicy::default(),
            environment: vec![("PATH".into(), std::env::var_os("PATH").unwrap_or_default())],
            state_dir: self.path.join("state"),
            observer: self.recorder.clone(),
            stop: StopSignal::never(),
            lineage: None,
        }
    }

    /// Deploys `revision` under the id that follows from `seed`.
    pub(crate) async fn deploy(&self, seed: &str, revision: &Path) -> Outcome {
        deploy(self.deployment(seed, revision)).await.unwrap()
    }
}

/// An appspec that installs `web` into `/srv/web`, with hooks as given.
pub(crate) fn appspec(hooks: &[(&str, &str)]) -> String {
    let mut text =
        String::from("version: 0.0\nos: linux\nfiles:\n  - {source: web, destination: /srv/web}\n");
    if !hooks.is_empty() {
        text += "hooks:\n";
    }
    for (event, script) in hooks {
        text += &format!("  {event}:\n    - {{location: {script}, timeout: 20}}\n");
    }
    text
}
