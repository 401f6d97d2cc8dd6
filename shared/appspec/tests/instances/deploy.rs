//! Real deployments into temporary folders.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::time::Duration;

use crate::support::{Lab, appspec};
use penstock_appspec::{
    Creator, DeployError, DeploymentStatus, ErrorCode, EventStatus, MinimumHealthy, Outcome, RollbackPolicy,
    Stop, TargetStatus, deploy, interrupted, stop_channel,
};

fn failure(outcome: &Outcome) -> (String, ErrorCode, String) {
    let (target, event) = outcome.first_failure().unwrap();
    let diagnostics = event.diagnostics.clone().unwrap();
    (format!("{} {}", target.instance, event.event), diagnostics.error_code, diagnostics.message)
}

#[tokio::test]
async fn a_revision_is_installed_and_the_next_one_replaces_it() {
    let lab = Lab::new(2);
    let first =
        lab.revision("1", &appspec(&[]), &[("web/index.html", "one"), ("web/old/x", "x"), ("web/.h", "h")]);
    assert!(lab.deploy("1", &first).await.succeeded());
    assert_eq!(
        lab.tree("b"),
        ["srv/", "srv/web/", "srv/web/.h", "srv/web/index.html", "srv/web/old/", "srv/web/old/x"]
    );
    fs::write(lab.root("b").join("srv/web/made-by-somebody"), "").unwrap();
    let second = lab.revision("2", &appspec(&[]), &[("web/index.html", "two"), ("web/new", "n")]);
    assert!(lab.deploy("2", &second).await.succeeded());
    assert_eq!(lab.read("a", "srv/web/index.html"), "two");
    assert_eq!(lab.tree("a"), ["srv/", "srv/web/", "srv/web/index.html", "srv/web/new"]);
    assert_eq!(
        lab.tree("b"),
        ["srv/", "srv/web/", "srv/web/index.html", "srv/web/made-by-somebody", "srv/web/new"]
    );
}

#[tokio::test]
async fn scripts_run_in_order_in_the_revision_with_the_documented_variables() {
    let lab = Lab::new(1);
    let script = "#!/bin/sh\necho \"$LIFECYCLE_EVENT $APPLICATION_NAME $DEPLOYMENT_GROUP_NAME $(cat name)\" \
                  >> \"$PENSTOCK_INSTANCE_ROOT/events\"\necho \"$DEPLOYMENT_ID $DEPLOYMENT_GROUP_ID\"\n";
    let hooks = [
        ("ValidateService", "say.sh"),
        ("ApplicationStop", "say.sh"),
        ("BeforeInstall", "say.sh"),
        ("AfterInstall", "say.sh"),
        ("ApplicationStart", "say.sh"),
    ];
    for name in ["1", "2"] {
        let files = [("say.sh", script), ("name", name), ("web/index.html", name)];
        let revision = lab.revision(name, &appspec(&hooks), &files);
        assert!(lab.deploy(name, &revision).await.succeeded());
    }
    let expected = "BeforeInstall web live 1\nAfterInstall web live 1\nApplicationStart web live 1\n\
                    ValidateService web live 1\nApplicationStop web live 1\nBeforeInstall web live 2\n\
                    AfterInstall web live 2\nApplicationStart web live 2\nValidateService web live 2\n";
    assert_eq!(lab.read("a", "events"), expected);
    let id = penstock_appspec::DeploymentId::derive("2");
    assert!(lab.recorder.says(&format!("a: [stdout]{id} ")));
    assert!(lab.recorder.says("a: LifecycleEvent - ApplicationStop"));
    assert_eq!(lab.recorder.events()[..2], ["a ApplicationStop Succeeded", "a DownloadBundle Succeeded"]);
}

#[tokio::test]
async fn what_is_in_the_way_fails_before_anything_is_changed() {
    let lab = Lab::new(1);
    let first = lab.revision("1", &appspec(&[]), &[("web/index.html", "one")]);
    lab.deploy("1", &first).await;
    fs::write(lab.root("a").join("srv/web/mine"), "mine").unwrap();
    let second = lab.revision("2", &appspec(&[]), &[("web/index.html", "two"), ("web/mine", "theirs")]);
    let outcome = lab.deploy("2", &second).await;
    let (place, code, message) = failure(&outcome);
    assert_eq!((place.as_str(), code), ("a Install", ErrorCode::UnknownError));
    assert!(message.contains("/srv/web/mine") && message.contains("OVERWRITE"), "{message}");
    assert_eq!(
        (lab.read("a", "srv/web/index.html"), lab.read("a", "srv/web/mine")),
        ("one".into(), "mine".into())
    );
    assert_eq!(lab.tree("a").len(), 4);
}

#[tokio::test]
async fn overwrite_replaces_and_retain_keeps() {
    for (behavior, expected, after) in
        [("OVERWRITE", "theirs", "(entity not found)"), ("RETAIN", "mine", "mine")]
    {
        let lab = Lab::new(1);
        fs::create_dir_all(lab.root("a").join("srv/web")).unwrap();
        fs::write(lab.root("a").join("srv/web/f"), "mine").unwrap();
        let spec = format!("{}file_exists_behavior: {behavior}\n", appspec(&[]));
        let first = lab.revision("1", &spec, &[("web/f", "theirs"), ("web/g", "g")]);
        assert!(lab.deploy("1", &first).await.succeeded());
        assert_eq!(lab.read("a", "srv/web/f"), expected, "{behavior}");
        let second = lab.revision("2", &spec, &[("web/g", "g")]);
        assert!(lab.deploy("2", &second).await.succeeded());
        assert_eq!(lab.read("a", "srv/web/f"), after, "{behavior}");
    }
}

#[tokio::test]
async fn nothing_is_written_through_a_link_out_of_the_instance() {
    let lab = Lab::new(1);
    let outside = lab.path.join("outside");
    fs::create_dir_all(&outside).unwrap();
    fs::write(outside.join("index.html"), "safe").unwrap();
    fs::create_dir_all(lab.root("a").join("srv")).unwrap();
    symlink(&outside, lab.root("a").join("srv/web")).unwrap();
    let spec = format!("{}file_exists_behavior: OVERWRITE\n", appspec(&[]));
    let revision = lab.revision("1", &spec, &[("web/index.html", "one"), ("web/x", "x")]);
    let (_, _, message) = failure(&lab.deploy("1", &revision).await);
    assert!(message.contains("/srv/web is a symbolic link"), "{message}");
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 1);
    fs::remove_file(lab.root("a").join("srv/web")).unwrap();
    fs::create_dir(lab.root("a").join("srv/web")).unwrap();
    symlink(outside.join("index.html"), lab.root("a").join("srv/web/index.html")).unwrap();
    assert!(lab.deploy("2", &revision).await.succeeded());
    assert_eq!(fs::read_to_string(outside.join("index.html")).unwrap(), "safe");
    assert_eq!(lab.read("a", "srv/web/index.html"), "one");
}

#[tokio::test]
async fn files_become_folders_and_folders_files() {
    let lab = Lab::new(1);
    let shapes: [&[(&str, &str)]; 3] = [
        &[("web/a", "file"), ("web/b/c/d", "deep")],
        &[("web/a/x/y", "deep"), ("web/b", "file")],
        &[("web/c", "c")],
    ];
    for (number, files) in shapes.into_iter().enumerate() {
        let name = number.to_string();
        let revision = lab.revision(&name, &appspec(&[]), files);
        let outcome = lab.deploy(&name, &revision).await;
        assert!(outcome.succeeded(), "{:?}", failure(&outcome));
        for (file, text) in files {
            assert_eq!(lab.read("a", &format!("srv/{file}")), *text);
        }
    }
    assert_eq!(lab.tree("a"), ["srv/", "srv/web/", "srv/web/c"]);
}

#[tokio::test]
async fn modes_times_links_and_empty_folders_are_kept() {
    let lab = Lab::new(1);
    let revision = lab.revision("1", &appspec(&[]), &[("web/run.sh", "x"), ("web/plain", "p")]);
    fs::create_dir(revision.join("web/empty")).unwrap();
    symlink("run.sh", revision.join("web/link")).unwrap();
    symlink("nowhere", revision.join("web/dead")).unwrap();
    let time = std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    fs::File::options().write(true).open(revision.join("web/plain")).unwrap().set_modified(time).unwrap();
    fs::set_permissions(revision.join("web/plain"), fs::Permissions::from_mode(0o640)).unwrap();
    assert!(lab.deploy("1", &revision).await.succeeded());
    let web = lab.root("a").join("srv/web");
    assert_eq!(web.join("run.sh").metadata().unwrap().mode() & 0o7777, 0o755);
    let plain = web.join("plain").metadata().unwrap();
    assert_eq!((plain.mode() & 0o7777, plain.mtime()), (0o640, 1_000_000_000));
    assert!(web.join("empty").is_dir());
    assert_eq!(fs::read_link(web.join("link")).unwrap().to_str(), Some("run.sh"));
    assert_eq!(fs::read_link(web.join("dead")).unwrap().to_str(), Some("nowhere"));
}

#[tokio::test]
async fn permissions_are_set_by_pattern_exception_and_type() {
    let lab = Lab::new(1);
    let spec = format!(
        "{}permissions:\n  - {{object: /srv/web, pattern: '*.cgi', except: [keep.cgi], mode: 750, type: [file]}}\n  \
         - {{object: /srv/web/d, mode: 4711, type: [file]}}\n  - {{object: /srv, mode: 700, type: [directory]}}\n",
        appspec(&[])
    );
    let files = [("web/a.cgi", ""), ("web/keep.cgi", ""), ("web/d/a.cgi", ""), ("web/d/e/f", "")];
    let revision = lab.revision("1", &spec, &files);
    let outcome = lab.deploy("1", &revision).await;
    assert!(outcome.succeeded(), "{:?}", failure(&outcome));
    let mode = |path: &str| lab.root("a").join("srv").join(path).metadata().unwrap().mode() & 0o7777;
    assert_eq!((mode("web/a.cgi"), mode("web/d/a.cgi"), mode("web/d/e/f")), (0o750, 0o4711, 0o4711));
    assert_ne!(mode("web/keep.cgi"), 0o750);
    assert_eq!((mode("web"), mode("web/d/e")), (0o700, 0o700));
    assert_ne!(mode(""), 0o700);
}

#[tokio::test]
async fn a_path_matched_twice_fails_and_changes_nothing() {
    let lab = Lab::new(1);
    let spec = format!(
        "{}permissions:\n  - {{object: /srv/web, mode: 644}}\n  - {{object: /srv/web/f, mode: 600}}\n",
        appspec(&[])
    );
    let revision = lab.revision("1", &spec, &[("web/f", "")]);
    let (_, _, message) = failure(&lab.deploy("1", &revision).await);
    assert!(
        message.contains("/srv/web/f is matched by two entries of `permissions` (at 6:5 and 7:5)"),
        "{message}"
    );
    assert!(lab.tree("a").is_empty());
}

#[tokio::test]
async fn owners_that_cannot_be_set_fail_or_warn() {
    let lab = Lab::new(1);
    let spec = format!(
        "{}permissions:\n  - {{object: /srv/web, owner: no-such-user-here, mode: 600}}\n\
         hooks:\n  AfterInstall:\n    - {{location: id.sh, runas: no-such-user-here}}\n",
        appspec(&[])
    );
    let revision = lab.revision("1", &spec, &[("web/f", ""), ("id.sh", "#!/bin/sh\nid -un\n")]);
    for runas_only in [false, true] {
        let spec = if runas_only { spec.replace("owner: no-such-user-here, ", "") } else { spec.clone() };
        fs::write(revision.join("appspec.yml"), spec).unwrap();
        let message = deploy(lab.deployment("1", &revision)).await.unwrap_err().to_string();
        let named = message.contains("no user `no-such-user-here`") && message.contains("ignoreOwnership");
        assert!(named && message.contains("runas") == runas_only, "{message}");
    }
    fs::write(revision.join("appspec.yml"), spec).unwrap();
    let mut lenient = lab.deployment("2", &revision);
    lenient.ignore_ownership = true;
    assert!(deploy(lenient).await.unwrap().succeeded());
    assert!(lab.recorder.says("warning: this machine has no user `no-such-user-here` (`runas`)"));
    assert_eq!(lab.root("a").join("srv/web/f").metadata().unwrap().mode() & 0o777, 0o600);
}

#[tokio::test]
async fn a_failing_script_ends_the_deployment_with_its_diagnostics() {
    let lab = Lab::new(3);
    let files = [("web/f", ""), ("bad.sh", "#!/bin/sh\necho fine\necho \x1b[31mbroken >&2\nexit 7\n")];
    let revision = lab.revision("1", &appspec(&[("AfterInstall", "bad.sh")]), &files);
    let outcome = lab.deploy("1", &revision).await;
    assert_eq!(outcome.status, DeploymentStatus::Failed);
    let (target, event) = outcome.first_failure().unwrap();
    let diagnostics = event.diagnostics.as_ref().unwrap();
    assert_eq!((diagnostics.error_code, &*diagnostics.script_name), (ErrorCode::ScriptFailed, "bad.sh"));
    assert!(diagnostics.message.contains("exit code 7"));
    assert!(
        diagnostics.log_tail.contains("[stdout]fine\n") && diagnostics.log_tail.contains("[stderr]broken")
    );
    assert_eq!(target.events.last().unwrap().status, EventStatus::Skipped);
    assert_eq!(outcome.targets[1].status, TargetStatus::Skipped);
    assert_eq!(outcome.error.unwrap().code, "HEALTH_CONSTRAINTS");
}

#[tokio::test]
async fn scripts_that_cannot_run_say_why() {
    for (script, text, code, expected) in [
        ("none.sh", "", ErrorCode::ScriptMissing, "not in the revision"),
        ("cr.sh", "#!/bin/sh\r\nexit 0\r\n", ErrorCode::ScriptNotExecutable, "carriage return"),
        (
            "bin.sh",
            "#!/no/such/interpreter\n",
            ErrorCode::ScriptNotExecutable,
            "`/no/such/interpreter` installed",
        ),
    ] {
        let lab = Lab::new(1);
        let mut files = vec![("web/f", "")];
        if !text.is_empty() {
            files.push((script, text));
        }
        let revision = lab.revision("1", &appspec(&[("BeforeInstall", script)]), &files);
        let (_, found, message) = failure(&lab.deploy("1", &revision).await);
        assert_eq!(found, code, "{message}");
        assert!(message.contains(expected), "{message}");
    }
}

#[tokio::test]
async fn scripts_without_mode_and_interpreter_run() {
    let lab = Lab::new(1);
    let files = [("web/f", ""), ("plain", "echo it $LIFECYCLE_EVENT\n")];
    let revision = lab.revision("1", &appspec(&[("BeforeInstall", "plain")]), &files);
    assert!(lab.deploy("1", &revision).await.succeeded());
    assert!(lab.recorder.says("warning: the script plain is not executable; made it so"));
    assert!(lab.recorder.says("[stdout]it BeforeInstall"));
}

#[tokio::test]
async fn a_script_is_ended_after_its_timeout_with_all_that_it_started() {
    let lab = Lab::new(1);
    let spec = appspec(&[("BeforeInstall", "slow.sh")]).replace("timeout: 20", "timeout: 1");
    let files = [
        ("web/f", ""),
        ("slow.sh", "#!/bin/sh\nsetsid sleep 1000 &\necho $! > $PENSTOCK_INSTANCE_ROOT/pid\nsleep 1000\n"),
    ];
    let revision = lab.revision("1", &spec, &files);
    let (_, code, message) = failure(&lab.deploy("1", &revision).await);
    assert_eq!(code, ErrorCode::ScriptTimedOut, "{message}");
    assert!(!std::path::Path::new("/proc").join(lab.read("a", "pid").trim()).exists());
}

#[tokio::test]
async fn background_processes_live_on_unless_they_hold_the_output() {
    let lab = Lab::new(1);
    let spec = appspec(&[("ApplicationStart", "start.sh")]).replace("timeout: 20", "timeout: 1");
    let quiet = "#!/bin/sh\nsleep 1000 > /dev/null 2>&1 &\necho $! > \"$PENSTOCK_INSTANCE_ROOT/pid\"\n";
    let revision = lab.revision("1", &spec, &[("web/f", ""), ("start.sh", quiet)]);
    assert!(lab.deploy("1", &revision).await.succeeded());
    let pid = lab.read("a", "pid").trim().to_owned();
    assert!(std::path::Path::new("/proc").join(&pid).exists());
    let kill = |pid: &str| std::process::Command::new("kill").arg(pid).status().unwrap();
    kill(&pid);
    let loud = quiet.replace("> /dev/null 2>&1 ", "");
    let revision = lab.revision("2", &spec, &[("web/f", ""), ("start.sh", &loud)]);
    let (_, code, message) = failure(&lab.deploy("2", &revision).await);
    kill(lab.read("a", "pid").trim());
    assert_eq!(code, ErrorCode::OutputsLeftOpen);
    assert!(message.contains("redirect the output"), "{message}");
}

#[tokio::test]
async fn a_failure_brings_the_last_good_revision_back_as_a_new_deployment() {
    let lab = Lab::new(2);
    let good = lab.revision("good", &appspec(&[]), &[("web/index.html", "good")]);
    lab.deploy("good", &good).await;
    let check = "#!/bin/sh\ntest ! -e \"$PENSTOCK_INSTANCE_ROOT/reached\" && touch \"$PENSTOCK_INSTANCE_ROOT/reached\"\n";
    let files =
        [("web/index.html", "bad"), ("web/extra", ""), ("check.sh", "#!/bin/sh\nexit 1\n"), ("c.sh", check)];
    let bad = lab.revision("bad", &appspec(&[("ValidateService", "check.sh")]), &files);
    let mut deployment = lab.deployment("bad", &bad);
    deployment.rollback = RollbackPolicy { on_failure: true };
    deployment.minimum_healthy = MinimumHealthy::AllAtOnce;
    let outcome = deploy(deployment.clone()).await.unwrap();
    assert_eq!(outcome.status, DeploymentStatus::Failed);
    let rollback = outcome.rollback.clone().unwrap();
    assert_eq!((rollback.status, rollback.creator), (DeploymentStatus::Succeeded, Creator::Rollback));
    assert_eq!(rollback.rollback_of.as_ref(), Some(&outcome.deployment));
    assert_ne!(rollback.deployment, outcome.deployment);
    for instance in ["a", "b"] {
        assert_eq!(lab.read(instance, "srv/web/index.html"), "good");
        assert_eq!(lab.tree(instance), ["srv/", "srv/web/", "srv/web/index.html"]);
    }
    assert_eq!(deploy(deployment).await.unwrap(), outcome, "the same id again repeats the result");
    assert_eq!(interrupted(&lab.path.join("state")).unwrap(), []);
}

#[tokio::test]
async fn without_an_earlier_success_nothing_is_rolled_back() {
    let lab = Lab::new(1);
    let files = [("web/f", ""), ("check.sh", "#!/bin/sh\nexit 1\n")];
    let bad = lab.revision("bad", &appspec(&[("ValidateService", "check.sh")]), &files);
    let mut deployment = lab.deployment("bad", &bad);
    deployment.rollback = RollbackPolicy { on_failure: true };
    assert_eq!(deploy(deployment).await.unwrap().rollback, None);
    assert!(lab.recorder.says("no earlier successful deployment"));
}

#[tokio::test]
async fn failing_stop_scripts_of_the_old_revision_are_ignored_on_request() {
    let lab = Lab::new(1);
    let files = [("web/f", "1"), ("stop.sh", "#!/bin/sh\nexit 1\n")];
    let first = lab.revision("1", &appspec(&[("ApplicationStop", "stop.sh")]), &files);
    assert!(lab.deploy("1", &first).await.succeeded());
    let second = lab.revision("2", &appspec(&[]), &[("web/f", "2")]);
    assert_eq!(failure(&lab.deploy("2", &second).await).0, "a ApplicationStop");
    assert_eq!(lab.read("a", "srv/web/f"), "1");
    let mut lenient = lab.deployment("3", &second);
    lenient.ignore_application_stop_failures = true;
    assert!(deploy(lenient).await.unwrap().succeeded());
    assert_eq!(lab.read("a", "srv/web/f"), "2");
}

#[tokio::test]
async fn a_stop_ends_the_script_and_begins_nothing_more() {
    let lab = Lab::new(2);
    let good = lab.revision("good", &appspec(&[]), &[("web/f", "good")]);
    lab.deploy("good", &good).await;
    let fifo = lab.path.join("began");
    let script = format!("#!/bin/sh\necho > {}\nsleep 1000\n", fifo.display());
    let slow =
        lab.revision("slow", &appspec(&[("AfterInstall", "s.sh")]), &[("web/f", "new"), ("s.sh", &script)]);
    assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let (stopper, signal) = stop_channel();
    let mut deployment = lab.deployment("slow", &slow);
    deployment.stop = signal;
    let running = tokio::spawn(deploy(deployment));
    tokio::fs::read(&fifo).await.unwrap();
    stopper.stop(Stop { rollback: true });
    let outcome = running.await.unwrap().unwrap();
    assert_eq!(
        (outcome.status, outcome.targets[1].status),
        (DeploymentStatus::Stopped, TargetStatus::Skipped)
    );
    assert_eq!(outcome.rollback.unwrap().targets.len(), 1);
    assert_eq!(lab.read("a", "srv/web/f"), "good");
}

#[tokio::test]
async fn bad_revisions_and_groups_are_refused_before_anything_happens() {
    let lab = Lab::new(1);
    let broken = lab.revision("1", "version: 0.0\nos: linux\nhooks: [1]\n", &[]);
    let error = deploy(lab.deployment("1", &broken)).await.unwrap_err();
    assert!(error.to_string().starts_with("appspec.yml has errors: 3:8: error[wrong-type]"), "{error}");
    let good = lab.revision("2", &appspec(&[]), &[("web/f", "")]);
    let mut nobody = lab.deployment("2", &good);
    nobody.instances.clear();
    assert!(matches!(deploy(nobody).await, Err(DeployError::NoInstances(_))));
    let mut escaping = lab.deployment("3", &good);
    escaping.instances[0].name = "..".into();
    assert!(matches!(deploy(escaping).await, Err(DeployError::InstanceName(_))));
    assert!(lab.tree("a").is_empty());
}

#[tokio::test]
async fn five_revisions_are_kept() {
    let lab = Lab::new(1);
    for number in 0..8 {
        let name = number.to_string();
        let revision = lab.revision(&name, &appspec(&[]), &[("web/f", &name)]);
        assert!(lab.deploy(&name, &revision).await.succeeded());
    }
    let state = lab.path.join("state");
    let group = fs::read_dir(state).unwrap().next().unwrap().unwrap().path();
    let kept = |path: &str| {
        let entries = fs::read_dir(group.join(path)).unwrap();
        entries
            .filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().starts_with("d-"))
            .count()
    };
    assert_eq!((kept("deployments"), kept("instances/a")), (5, 5));
}

#[tokio::test]
async fn a_script_runs_as_another_user_where_that_may_be_chosen() {
    let lab = Lab::new(1);
    let somebody_else = if is_root(&lab) { "nobody" } else { "root" };
    let hook = format!("hooks:\n  AfterInstall:\n    - {{location: id.sh, runas: {somebody_else}}}\n");
    let spec = appspec(&[]) + &hook;
    let script = "#!/bin/sh\necho \"user $(id -un) $USER\"\n";
    let revision = lab.revision("1", &spec, &[("web/f", ""), ("id.sh", script)]);
    // Somebody else must be able to enter the folders of the state.
    fs::set_permissions(&lab.path, fs::Permissions::from_mode(0o755)).unwrap();
    let outcome = deploy(lab.deployment("1", &revision)).await;
    if is_root(&lab) {
        assert!(lab.recorder.says("[stdout]user nobody nobody"), "{:?}", lab.recorder.lines());
    } else {
        assert!(outcome.unwrap_err().to_string().contains("only root may run a script as `root`"));
    }
}

fn is_root(lab: &Lab) -> bool {
    lab.path.metadata().unwrap().uid() == 0
}

#[tokio::test]
async fn acls_are_set_where_the_machine_has_them() {
    let lab = Lab::new(1);
    let spec = format!(
        "{}permissions:\n  - {{object: /srv/web, mode: 640, acls: ['u:root:rw', 'm::rw']}}\n",
        appspec(&[])
    );
    let revision = lab.revision("1", &spec, &[("web/f", "")]);
    let outcome = deploy(lab.deployment("1", &revision)).await;
    match std::process::Command::new("getfacl").arg("-cE").arg(lab.root("a").join("srv/web/f")).output() {
        Ok(output) if outcome.as_ref().is_ok_and(Outcome::succeeded) => {
            let shown = String::from_utf8(output.stdout).unwrap();
            assert!(shown.contains("user:root:rw-") && shown.contains("mask::rw-"), "{shown}");
        }
        // No setfacl, or a file system without acls: the message says which, and nothing is half done.
        _ => {
            let message = outcome.map_or_else(|error| error.to_string(), |outcome| failure(&outcome).2);
            assert!(message.contains("setfacl"), "{message}");
            assert!(lab.tree("a").is_empty());
        }
    }
}

#[tokio::test]
async fn deployments_of_one_group_wait_for_each_other() {
    let lab = Lab::new(2);
    let revisions = ["1", "2", "3"].map(|name| (name, lab.revision(name, &appspec(&[]), &[("web/f", name)])));
    let all = revisions.map(|(name, revision)| tokio::spawn(deploy(lab.deployment(name, &revision))));
    for one in all {
        assert!(one.await.unwrap().unwrap().succeeded());
    }
    assert_eq!(lab.read("a", "srv/web/f"), lab.read("b", "srv/web/f"));
    assert!(lab.recorder.says("waiting for another deployment of this group"));
}

#[tokio::test]
async fn groups_do_not_own_each_others_files() {
    let lab = Lab::new(1);
    let revision = lab.revision("1", &appspec(&[]), &[("web/f", "1")]);
    lab.deploy("1", &revision).await;
    let mut other = lab.deployment("2", &revision);
    other.group.name = "other".into();
    assert!(failure(&deploy(other).await.unwrap()).2.contains("/srv/web/f"));
}

#[tokio::test]
async fn the_scripts_of_a_failed_revision_stop_what_it_started() {
    let lab = Lab::new(1);
    let note = |name: &str| format!("#!/bin/sh\necho stop {name} >> \"$PENSTOCK_INSTANCE_ROOT/stops\"\n");
    let hooks = [("ApplicationStop", "stop.sh"), ("ApplicationStart", "start.sh")];
    for (name, start) in [("good", "#!/bin/sh\n"), ("bad", "#!/bin/sh\nexit 1\n"), ("next", "#!/bin/sh\n")] {
        let files = [("web/f", name), ("stop.sh", &note(name)), ("start.sh", start)];
        let revision = lab.revision(name, &appspec(&hooks), &files);
        assert_eq!(lab.deploy(name, &revision).await.succeeded(), name != "bad");
    }
    assert_eq!(lab.read("a", "stops"), "stop good\nstop bad\n");
}

#[tokio::test]
async fn scripts_that_no_event_runs_are_mentioned() {
    let lab = Lab::new(1);
    let spec = appspec(&[("BeforeAllowTraffic", "x.sh"), ("AfterInstal", "x.sh")]);
    let revision = lab.revision("1", &spec, &[("web/f", "")]);
    assert!(lab.deploy("1", &revision).await.succeeded());
    assert!(lab.recorder.says("the scripts of BeforeAllowTraffic do not run"));
    assert!(lab.recorder.says("there is no lifecycle event `AfterInstal`"));
    assert!(lab.recorder.says("Succeeded, 1 of 1 instances succeeded"));
}

#[tokio::test]
async fn an_old_revision_that_cannot_be_read_can_be_got_past() {
    let lab = Lab::new(1);
    let first = lab.revision("1", &appspec(&[]), &[("web/f", "1")]);
    lab.deploy("1", &first).await;
    let group = fs::read_dir(lab.path.join("state")).unwrap().next().unwrap().unwrap().path();
    let archive = group.join("instances/a").join(penstock_appspec::DeploymentId::derive("1").as_str());
    fs::write(archive.join("deployment-archive/appspec.yml"), "version: 7\n").unwrap();
    let second = lab.revision("2", &appspec(&[]), &[("web/f", "2")]);
    let (place, _, message) = failure(&lab.deploy("2", &second).await);
    assert_eq!(place, "a ApplicationStop");
    assert!(message.contains("ignoreApplicationStopFailures"), "{message}");
    let mut lenient = lab.deployment("3", &second);
    lenient.ignore_application_stop_failures = true;
    assert!(deploy(lenient).await.unwrap().succeeded());
}
