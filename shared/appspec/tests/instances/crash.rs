//! Ends the program at every step of a deployment, as `kill -9` would, and goes on in a new one.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use penstock_appspec::{DeploymentStatus, Observer, RollbackPolicy, deploy, interrupted};

use crate::support::{Lab, appspec};

const FOLDER: &str = "PENSTOCK_TEST_CRASH_FOLDER";
const STEP: &str = "PENSTOCK_TEST_CRASH_STEP";
const SEED: &str = "PENSTOCK_TEST_CRASH_SEED";

/// Ends the program without a farewell when its steps are used up.
struct Crash {
    left: AtomicUsize,
}

impl Observer for Crash {
    fn line(&self, _instance: Option<&str>, _text: &str) {}

    fn step(&self, _instance: &str, _step: &str) {
        if self.left.fetch_sub(1, Ordering::SeqCst) == 0 {
            std::process::abort();
        }
    }
}

/// Not a test by itself: the program that is ended, started by the tests below.
#[tokio::test]
async fn program() {
    let Some(folder) = std::env::var_os(FOLDER) else {
        return;
    };
    let seed = std::env::var(SEED).unwrap();
    let left = std::env::var(STEP).unwrap().parse().unwrap();
    let lab = Lab::at(Path::new(&folder), 2);
    let mut deployment = lab.deployment(&seed, &lab.path.join("revisions").join(&seed));
    deployment.observer = Arc::new(Crash { left: AtomicUsize::new(left) });
    deployment.rollback = RollbackPolicy { on_failure: true };
    deploy(deployment).await.unwrap();
}

/// Deploys `seed` in a program that ends at `step`.
fn crash(lab: &Lab, seed: &str, step: usize) -> ExitStatus {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "crash::program", "--test-threads=1"])
        .envs([(FOLDER, lab.path.as_os_str()), (SEED, seed.as_ref()), (STEP, step.to_string().as_ref())])
        .output()
        .unwrap()
        .status
}

const NOTE: &str = "#!/bin/sh\necho \"$LIFECYCLE_EVENT\" >> \"$PENSTOCK_INSTANCE_ROOT/events\"\n";
const HOOKS: [(&str, &str); 3] =
    [("ApplicationStop", "note.sh"), ("BeforeInstall", "note.sh"), ("AfterInstall", "note.sh")];

/// A group with a good first deployment and a second revision that replaces, adds, removes and turns round.
async fn prepared(last_hook: &str) -> (Lab, PathBuf) {
    let lab = Lab::in_memory(2);
    let first = [
        ("web/index.html", "one"),
        ("web/a", "file"),
        ("web/b/c", "deep"),
        ("web/old", "o"),
        ("note.sh", NOTE),
    ];
    let first = lab.revision("first", &appspec(&HOOKS), &first);
    assert!(lab.deploy("first", &first).await.succeeded());
    let second = [
        ("web/index.html", "two"),
        ("web/a/x", "deep"),
        ("web/b", "file"),
        ("web/new/n", "n"),
        ("note.sh", NOTE),
        ("last.sh", last_hook),
    ];
    let hooks = [&HOOKS[..], &[("ValidateService", "last.sh")]].concat();
    let second = lab.revision("second", &appspec(&hooks), &second);
    (lab, second)
}

const OLD: [&str; 6] = ["srv/", "srv/web/", "srv/web/a", "srv/web/b/", "srv/web/b/c", "srv/web/index.html"];
const NEW: [&str; 6] = ["srv/", "srv/web/", "srv/web/a/", "srv/web/a/x", "srv/web/b", "srv/web/index.html"];

fn shape(lab: &Lab, instance: &str) -> Vec<String> {
    lab.tree(instance)
        .into_iter()
        .filter(|path| !["events", "srv/web/old"].contains(&&**path) && !path.contains("new"))
        .collect()
}

/// Tries `attempt` with every `stride`th step until it says that the deployment came to its end before the step.
fn at_every_step(stride: usize, attempt: impl AsyncFn(usize) -> bool + Sync) {
    const THREADS: usize = 8;
    std::thread::scope(|scope| {
        for first in 0..THREADS {
            let attempt = &attempt;
            scope.spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                let steps = (first * stride..).step_by(THREADS * stride);
                let tried = steps.take_while(|step| runtime.block_on(attempt(*step))).count();
                assert!(tried * THREADS * stride >= 40, "only {tried} steps were seen");
            });
        }
    });
}

#[test]
fn a_deployment_that_is_interrupted_anywhere_is_finished() {
    at_every_step(1, async |step| {
        let (lab, second) = prepared("#!/bin/sh\nexit 0\n").await;
        if crash(&lab, "second", step).success() {
            return false;
        }
        let open = interrupted(&lab.path.join("state")).unwrap();
        let outcome = lab.deploy("second", &second).await;
        assert!(outcome.succeeded(), "step {step}: {:?} {:?}", outcome.error, lab.recorder.lines());
        for instance in ["a", "b"] {
            assert_eq!(shape(&lab, instance), NEW, "step {step}");
            assert_eq!(lab.read(instance, "srv/web/index.html"), "two");
            assert!(!lab.tree(instance).contains(&"srv/web/old".into()), "step {step}");
            events_at_least_once(&lab.read(instance, "events"), step);
        }
        assert!(open.is_empty() || lab.recorder.says("goes on"), "step {step}");
        true
    });
}

/// A script that was under way runs again; one that had ended does not, but for the moment before that is recorded.
fn events_at_least_once(events: &str, step: usize) {
    let events: Vec<&str> = events.lines().skip(2).collect();
    let mut distinct = events.clone();
    distinct.dedup();
    assert_eq!(distinct, ["ApplicationStop", "BeforeInstall", "AfterInstall"], "step {step}");
    assert!(events.len() <= 4, "step {step}: {events:?}");
}

#[test]
fn another_deployment_heals_what_was_interrupted_first() {
    at_every_step(5, async |step| {
        let (lab, _) = prepared("#!/bin/sh\nexit 0\n").await;
        if crash(&lab, "second", step).success() {
            return false;
        }
        let third = lab.revision("third", &appspec(&[]), &[("web/index.html", "three")]);
        let outcome = lab.deploy("third", &third).await;
        assert!(outcome.succeeded(), "step {step}: {:?}", outcome.error);
        for instance in ["a", "b"] {
            assert_eq!(
                lab.tree(instance),
                ["events", "srv/", "srv/web/", "srv/web/index.html"],
                "step {step}"
            );
        }
        assert_eq!(interrupted(&lab.path.join("state")).unwrap(), [], "step {step}");
        true
    });
}

#[test]
fn a_rollback_that_is_interrupted_anywhere_is_finished() {
    at_every_step(5, async |step| {
        let (lab, second) = prepared("#!/bin/sh\nexit 1\n").await;
        if crash(&lab, "second", step).success() {
            return false;
        }
        let mut deployment = lab.deployment("second", &second);
        deployment.rollback = RollbackPolicy { on_failure: true };
        let outcome = deploy(deployment).await.unwrap();
        assert_eq!(outcome.status, DeploymentStatus::Failed, "step {step}");
        assert!(outcome.rollback.unwrap().succeeded(), "step {step}: {:?}", lab.recorder.lines());
        assert_eq!(shape(&lab, "a"), OLD, "step {step}");
        assert_eq!(lab.read("a", "srv/web/index.html"), "one");
        true
    });
}

#[tokio::test]
async fn a_script_that_was_under_way_is_gone_before_it_runs_again() {
    let lab = Lab::in_memory(2);
    let fifo = lab.path.join("began");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let script = format!(
        "#!/bin/sh\ncd \"$PENSTOCK_INSTANCE_ROOT\"\n\
         if test -e pid; then test -e /proc/$(cat pid) && echo alive > verdict || echo gone > verdict; exit 0; fi\n\
         setsid sleep 1000 &\necho $! > pid\necho > {}\nsleep 1000\n",
        fifo.display()
    );
    let revision =
        lab.revision("slow", &appspec(&[("AfterInstall", "s.sh")]), &[("web/f", "f"), ("s.sh", &script)]);
    let mut program = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "crash::program", "--test-threads=1"])
        .envs([(FOLDER, lab.path.as_os_str()), (SEED, "slow".as_ref()), (STEP, "1000000".as_ref())])
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    tokio::fs::read(&fifo).await.unwrap();
    program.kill().unwrap();
    program.wait().unwrap();
    let mut deployment = lab.deployment("slow", &revision);
    deployment.instances.truncate(1);
    assert!(deploy(deployment).await.unwrap().succeeded());
    assert_eq!(lab.read("a", "verdict"), "gone\n");
    assert!(lab.recorder.says("was interrupted during AfterInstall and goes on there"));
    assert!(!lab.recorder.says("installed 1 files"), "Install is not repeated");
}
