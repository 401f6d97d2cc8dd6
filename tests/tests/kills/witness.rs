//! What commands and scripts noted while they ran, and what must hold of it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use crate::project::EVENTS;

/// The instances of each deployment group.
const INSTANCES: usize = 2;

/// A line: under which server, and what.
type Line = (usize, Vec<String>);

/// The file, read.
pub(crate) struct Witness {
    lines: Vec<Line>,
}

impl Witness {
    /// Reads the file.
    pub(crate) fn read(witness: &Path) -> Self {
        let text = fs::read_to_string(witness).unwrap();
        let line = |line: &str| {
            let (server, what) = line.split_once(' ').unwrap();
            (server.parse().unwrap(), what.split(' ').map(str::to_owned).collect())
        };
        Self { lines: text.lines().map(line).collect() }
    }

    /// No build began while a process of an earlier attempt was alive, none began twice, and each began again only
    /// under another server.
    pub(crate) fn builds_are_attempted_again_only_when_they_were_interrupted(&self) {
        let mut begun = BTreeSet::new();
        let mut latest: BTreeMap<&str, (&str, &usize)> = BTreeMap::new();
        let mut steps = BTreeSet::new();
        for (server, line) in &self.lines {
            match line.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
                ["build-begun", execution, build] => {
                    assert!(begun.insert(*build), "build {build} began twice");
                    if let Some((_, before)) = latest.insert(execution, (build, server)) {
                        assert!(server > before, "{execution} was built again though nobody interrupted it");
                    }
                }
                ["step-done", execution, build, step] => {
                    assert_eq!(latest[execution].0, *build, "a build went on beside its successor");
                    assert!(steps.insert((*build, *step)), "{build} did `{step}` twice");
                }
                ["still-alive", execution, build, pid] => {
                    panic!(
                        "build {build} of {execution} began while process {pid} of an earlier one was alive"
                    )
                }
                ["event-begun", ..] => {}
                other => panic!("nobody writes {other:?}"),
            }
        }
        for (execution, (build, _)) in latest {
            for step in ["compile", "test", "pack"] {
                assert!(steps.contains(&(build, step)), "{execution} was built without `{step}`");
            }
        }
    }

    /// A deployment goes forward only: an event comes again only if a kill interrupted it, and no earlier one does.
    pub(crate) fn deployments_go_on_where_they_were_interrupted(&self) -> usize {
        // Of a deployment and an instance: the event, and under which server it began.
        let mut at: BTreeMap<(&str, &str), (usize, &usize)> = BTreeMap::new();
        let mut deployments: BTreeMap<(&str, &str), &str> = BTreeMap::new();
        let mut resumed = 0;
        for (server, line) in &self.lines {
            let line: Vec<&str> = line.iter().map(String::as_str).collect();
            let ["event-begun", application, commit, deployment, instance, event] = line.as_slice() else {
                continue;
            };
            let first = deployments.entry((application, commit)).or_insert(deployment);
            assert_eq!(first, deployment, "{commit} was deployed twice to {application}");
            let event = EVENTS.iter().position(|known| known == event).unwrap();
            let before = at.insert((deployment, instance), (event, server));
            match before {
                None => assert_eq!(event, 0, "{deployment} began with {event}"),
                Some((last, earlier)) if last == event => {
                    assert!(server > earlier, "{deployment} repeated {event} without a cause");
                    resumed += 1;
                }
                Some((last, _)) => assert_eq!(last + 1, event, "{deployment} jumped"),
            }
        }
        assert_eq!(at.len(), deployments.len() * INSTANCES, "an instance was left out");
        assert!(at.values().all(|(event, _)| *event + 1 == EVENTS.len()), "a deployment stopped half-way");
        resumed
    }

    /// How many builds an attempt after them replaced.
    pub(crate) fn interrupted_builds(&self) -> usize {
        self.lines.iter().filter(|(_, line)| line[0] == "build-begun").count() - self.build_order().len()
    }

    /// The executions in the order in which their builds first began.
    pub(crate) fn build_order(&self) -> Vec<&str> {
        let mut order = vec![];
        for (_, line) in self.lines.iter().filter(|(_, line)| line[0] == "build-begun") {
            if !order.contains(&line[1].as_str()) {
                order.push(line[1].as_str());
            }
        }
        order
    }

    /// The commits in the order in which they first arrived at `application`.
    pub(crate) fn deployment_order(&self, application: &str) -> Vec<&str> {
        let mut order = vec![];
        for (_, line) in
            self.lines.iter().filter(|(_, line)| line[0] == "event-begun" && line[1] == application)
        {
            if !order.contains(&line[2].as_str()) {
                order.push(line[2].as_str());
            }
        }
        order
    }
}

/// Waits until no process that a build noted is alive.
pub(crate) fn no_process_is_left(witness: &Path) {
    let end = Instant::now() + Duration::from_secs(20);
    loop {
        let alive: Vec<String> = noted(witness).into_iter().filter(|process| is_alive(process)).collect();
        if alive.is_empty() {
            return;
        }
        assert!(Instant::now() < end, "processes of builds are left: {alive:?}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// Every line of the files beside `witness`: a process's id and when it was born.
fn noted(witness: &Path) -> Vec<String> {
    let files = fs::read_dir(witness.parent().unwrap()).unwrap().map(|entry| entry.unwrap().path());
    let is_list = |path: &PathBuf| path.file_name().unwrap().to_string_lossy().starts_with("witness.");
    let texts = files.filter(is_list).map(|file| fs::read_to_string(file).unwrap());
    texts.flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>()).collect()
}

fn is_alive(process: &str) -> bool {
    let Some((pid, born)) = process.split_once(' ') else { return false };
    let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else { return false };
    let fields: Vec<&str> = stat.split(' ').collect();
    fields[21] == born && fields[2] != "Z"
}
