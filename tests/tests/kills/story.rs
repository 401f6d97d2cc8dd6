//! What was asked of the servers, what was seen of it, and what must not change any more.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value as Json;

use crate::project::{PIPELINES, Project};
use crate::server::Server;
use crate::witness::{self, Witness};

/// Nothing here takes this long.
const PATIENCE: Duration = Duration::from_secs(120);

/// A push, and the execution of each pipeline that it was answered with.
struct Push {
    commit: String,
    executions: Option<BTreeMap<String, String>>,
}

/// The whole story.
pub(crate) struct Story<'a> {
    project: &'a Project,
    pushes: Vec<Push>,
    /// Which life of the server this is.
    life: usize,
    /// The attempt of each action that was seen to have succeeded.
    succeeded: BTreeMap<String, u64>,
    /// The page of each approval that was seen to wait, and in which life it was first.
    waiting: BTreeMap<String, (String, usize)>,
    ended: BTreeMap<String, Json>,
}

impl<'a> Story<'a> {
    /// A story of so many pushes, none of which was announced yet.
    pub(crate) fn new(project: &'a Project, pushes: usize) -> Self {
        let push = |number| Push { commit: project.commit(number), executions: None };
        let pushes = (0..pushes).map(push).collect();
        let (succeeded, waiting, ended) = Default::default();
        Self { project, pushes, life: 0, succeeded, waiting, ended }
    }

    /// Announces up to `pushes` and looks on: until the server is dead, or until everything announced has ended.
    pub(crate) fn live(&mut self, server: &Server, pushes: usize, is_mortal: bool) {
        self.life += 1;
        let announced = self.pushes.iter().filter(|push| push.executions.is_some()).count();
        let up_to = (announced + pushes).min(self.pushes.len());
        let end = Instant::now() + PATIENCE;
        loop {
            self.announce(server, up_to);
            for execution in self.open() {
                if let Some(view) = server.get(&format!("/executions/{execution}")) {
                    self.look(server, &execution, view, is_mortal);
                }
            }
            let is_over = if is_mortal { server.is_dead() } else { self.is_settled(up_to) };
            if is_over {
                return;
            }
            assert!(Instant::now() < end, "it does not come to an end: {:?}", self.open());
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Pushes one after another, each until its answer has come; GitHub delivers again under the same id.
    fn announce(&mut self, server: &Server, up_to: usize) {
        let waiting = self.pushes[..up_to].iter_mut().enumerate();
        for (number, push) in waiting.filter(|(_, push)| push.executions.is_none()) {
            let Some(answer) = server.push(&format!("delivery-{number}"), &push.commit) else { return };
            let told = answer["pipelines"].as_array().unwrap().iter();
            let text = |value: &Json| value.as_str().unwrap_or_else(|| panic!("{answer}")).to_owned();
            push.executions =
                Some(told.map(|told| (text(&told["name"]), text(&told["executionId"]))).collect());
        }
    }

    /// The executions that were not seen to have ended.
    fn open(&self) -> Vec<String> {
        let executions = self.pushes.iter().flat_map(|push| &push.executions).flat_map(BTreeMap::values);
        executions.filter(|execution| !self.ended.contains_key(*execution)).cloned().collect()
    }

    fn is_settled(&self, up_to: usize) -> bool {
        self.open().is_empty() && self.pushes[..up_to].iter().all(|push| push.executions.is_some())
    }

    /// What had succeeded stays so under the same attempt; an approval waits at the same address until it is given.
    fn look(&mut self, server: &Server, execution: &str, view: Json, is_mortal: bool) {
        let stages = view["stages"].as_array().unwrap().iter();
        for action in stages.flat_map(|stage| stage["actions"].as_array().unwrap()) {
            let key = format!("{execution}/{}", action["name"].as_str().unwrap());
            let attempt = action["attempt"].as_u64().unwrap();
            if action["status"] == "Succeeded" {
                let before = *self.succeeded.entry(key.clone()).or_insert(attempt);
                assert_eq!(before, attempt, "{key} was repeated though it had succeeded");
            }
            assert!(
                action["status"] == "Succeeded" || !self.succeeded.contains_key(&key),
                "{key} had succeeded and is {} now",
                action["status"]
            );
            if action["category"] == "Approval" && action["status"] == "InProgress" {
                self.approval(server, &key, action, is_mortal);
            }
        }
        if !view["endedAt"].is_null() {
            assert_eq!(view["status"], "Succeeded", "{view:#}");
            self.ended.insert(execution.to_owned(), view);
        }
    }

    /// An approval outlives at least one server before it is given.
    fn approval(&mut self, server: &Server, key: &str, action: &Json, is_mortal: bool) {
        assert_eq!(action["attempt"], 1, "{key} was asked anew");
        let Some(link) = action["link"].as_str() else { return };
        let (_, path) = link.split_once("/approvals/").unwrap();
        let (first, since) = self.waiting.entry(key.to_owned()).or_insert((path.to_owned(), self.life));
        assert_eq!(first, path, "{key} waits at another address");
        if *since < self.life || !is_mortal {
            server.approve(&format!("/approvals/{path}"));
        }
    }

    /// Everything that was accepted ended well, once, and in its order.
    pub(crate) fn everything_ended_rightly(&self, server: &Server) {
        for pipeline in PIPELINES {
            let expected: Vec<&str> =
                self.pushes.iter().map(|push| push.executions.as_ref().unwrap()[pipeline].as_str()).collect();
            let seen = server.get(&format!("/pipelines/{pipeline}/executions?limit=200")).unwrap();
            let mut seen: Vec<&str> =
                seen.as_array().unwrap().iter().map(|view| view["executionId"].as_str().unwrap()).collect();
            seen.reverse();
            assert_eq!(seen, expected, "{pipeline} ran something else, or in another order");
            for (push, execution) in self.pushes.iter().zip(expected) {
                assert_eq!(self.ended[execution]["commit"], push.commit.as_str());
                attempts_are_right(
                    execution,
                    &server.get(&format!("/executions/{execution}/attempts")).unwrap(),
                );
            }
        }
    }

    /// What the builds and the deployments noted agrees. How many builds and lifecycle events were interrupted.
    pub(crate) fn the_witness_agrees(&self) -> (usize, usize) {
        let witness = Witness::read(&self.project.witness());
        witness.builds_are_attempted_again_only_when_they_were_interrupted();
        let resumed = witness.deployments_go_on_where_they_were_interrupted();
        let commits: Vec<&str> = self.pushes.iter().map(|push| push.commit.as_str()).collect();
        for pipeline in PIPELINES {
            let executions =
                self.pushes.iter().map(|push| push.executions.as_ref().unwrap()[pipeline].as_str());
            let executions: Vec<&str> = executions.collect();
            let mut built = witness.build_order();
            built.retain(|execution| executions.contains(execution));
            assert_eq!(built, executions, "{pipeline} built in another order");
            assert_eq!(witness.deployment_order(pipeline), commits, "{pipeline} deployed in another order");
        }
        witness::no_process_is_left(&self.project.witness());
        (witness.interrupted_builds(), resumed)
    }

    /// The last commit is on both instances and on the site of each pipeline.
    pub(crate) fn the_last_commit_is_everywhere(&self) {
        let state = self.project.tree().join(".penstock");
        let last = &self.pushes.last().unwrap().commit;
        for pipeline in PIPELINES {
            let instance =
                |name: &str| state.join("instances").join(pipeline).join("live").join(name).join("srv");
            for folder in [instance("one"), instance("two"), state.join("sites").join(pipeline)] {
                assert_eq!(page(&folder).trim(), last, "{}", folder.display());
            }
        }
    }
}

/// Each action has one success, its last attempt; what came before was interrupted, and that only a build is.
fn attempts_are_right(execution: &str, attempts: &Json) {
    let mut of: BTreeMap<&str, Vec<&Json>> = BTreeMap::new();
    for shown in attempts.as_array().unwrap() {
        of.entry(shown["id"]["action"].as_str().unwrap()).or_default().push(&shown["attempt"]);
    }
    assert!(of.len() >= 4, "{execution}: {attempts:#}");
    for (action, attempts) in of {
        let (last, before) = attempts.split_last().unwrap();
        assert_eq!(last["status"], "Succeeded", "{execution}/{action}: {last:#}");
        assert!(before.is_empty() || action == "Make", "{execution}/{action} was attempted more than once");
        for interrupted in before {
            assert_eq!(interrupted["status"], "Failed", "{action}: {interrupted:#}");
            assert_eq!(interrupted["error"]["code"], "Interrupted", "{action}: {interrupted:#}");
        }
    }
}

fn page(folder: &Path) -> String {
    fs::read_to_string(folder.join("index.html")).unwrap()
}
