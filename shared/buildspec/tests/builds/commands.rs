//! Commands: what carries over, what a failure means, what ends.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use penstock_buildspec::*;
use penstock_process::Lineage;
use tokio::sync::watch;

use crate::place::{Place, build, statuses};

#[tokio::test]
async fn directory_and_variables_carry_over() {
    let place = Place::new();
    let outcome = place
        .run(
            "
version: 0.2
env:
  variables: {GREETING: '$HOME is literal'}
  exported-variables: [TAG, MISSING, PLAIN]
phases:
  install: {commands: [mkdir sub, cd sub, 'export TAG=\"a b\"', PLAIN=1]}
  build:
    commands:
      - pwd
      - echo $TAG $GREETING
      - sh -c 'echo $PLAIN'
      - |
        false
        echo $((6*7))
  post_build: {commands: ['echo $CODEBUILD_BUILD_SUCCEEDING $CODEBUILD_SRC_DIR', 'TAG=\"$(printf \"x\\ny\")\"']}
",
        )
        .await;
    assert_eq!(outcome.status, BuildStatus::Succeeded, "{}", place.log());
    let source = place.path("source").display().to_string();
    let expected = [
        format!("{source}/sub"),
        "a b $HOME is literal".into(),
        "1".into(),
        "echo $((6*7))".into(),
        "42".into(),
        format!("1 {source}"),
    ];
    assert_eq!(place.output(), expected);
    assert_eq!(outcome.exported_variables, [("TAG".into(), "x\ny".into()), ("PLAIN".into(), "1".into())]);
    let all = ["DOWNLOAD_SOURCE", "INSTALL", "PRE_BUILD", "BUILD", "POST_BUILD", "UPLOAD_ARTIFACTS"];
    assert_eq!(statuses(&outcome), all.map(|phase| format!("{phase} SUCCEEDED")));
}

#[tokio::test]
async fn a_build_that_was_made_ready_under_another_number_runs_under_its_own() {
    for own in [7, 8] {
        let place = Place::new();
        let mut request = place.request(&build("      - echo $CODEBUILD_BUILD_NUMBER\n"));
        request.build.number = 7;
        let outcome = Ready::new(request).await.numbered(own).await.run().await;
        assert_eq!(outcome.status, BuildStatus::Succeeded, "{}", place.log());
        assert_eq!(place.output(), [own.to_string()]);
    }
}

#[tokio::test]
async fn exit_ends_the_command_and_not_the_shell() {
    for shell in ["/bin/sh", "bash"] {
        let place = Place::new();
        let text = build(
            "      - mkdir d && cd d && A=1
      - sleep 1000 & echo $! > ../pid
      - exit 0; echo never
      - 'if true; then { echo inside; exit 0; } >../file; fi'
      - echo $A; pwd; kill -0 $(cat ../pid) && echo alive
      - set -e; B=2; false; echo never
      - echo never
    finally:
      - echo finally $A $B $CODEBUILD_BUILD_SUCCEEDING
  post_build: {commands: [echo after $A $B $CODEBUILD_BUILD_SUCCEEDING]}
",
        );
        let outcome =
            place.run(&text.replace("version: 0.2", &format!("version: 0.2\nenv: {{shell: {shell}}}"))).await;
        let directory = place.path("source/d").display().to_string();
        assert_eq!(place.output(), ["1", &directory, "alive", "finally 1 2 0", "after 1 2 0"], "{shell}");
        assert_eq!(std::fs::read_to_string(place.path("source/file")).unwrap(), "inside\n");
        let failure = outcome.failure.unwrap();
        assert_eq!((outcome.status, failure.exit_code), (BuildStatus::Failed, Some(1)));
        assert_eq!((failure.phase, failure.code.as_str()), (BuildPhase::Build, "COMMAND_EXECUTION_ERROR"));
        assert_eq!(failure.command.as_deref(), Some("set -e; B=2; false; echo never"));
        assert!(std::fs::read_dir(place.path("work")).unwrap().next().is_none(), "pipes are left");
    }
}

#[tokio::test]
async fn strange_commands_do_not_confuse_the_build() {
    for shell in ["/bin/sh", "bash"] {
        let place = Place::new();
        let long = "x".repeat(200_000);
        let text = format!(
            "version: 0.2\nenv: {{shell: {shell}}}\nphases:\n  build:\n    commands:\n\
             \x20     - echo 'it''s' \"quoted\"\n      - |\n        cat <<END\n        here $((1+1))\n        END\n\
             \x20     - 'if then'\n    finally:\n      - echo one >&2\n      - printf 'no end'\n      - cat\n\
             \x20     - set -x\n      - echo {long} | wc -c\n      - exec true\n      - echo alive\n      - kill -9 $$\n"
        );
        let outcome = place.run(&text).await;
        assert_eq!(outcome.status, BuildStatus::Failed);
        let output = place.output();
        for line in ["its quoted", "here 2", "one", "no end", "200001", "alive"] {
            assert!(output.iter().any(|shown| shown == line), "{shell} {line}: {output:?}");
        }
        assert!(!place.log().contains("penstock"), "{}", place.log());
    }
}

#[tokio::test]
async fn what_the_shell_says_of_itself_says_nothing_of_the_build() {
    for shell in ["/bin/sh", "bash"] {
        let place = Place::new();
        let text = build(
            "      - set -v
      - echo one
      - set -x; echo two
      - echo three
      - set -x; exit 7
    finally:
      - echo four
",
        );
        let outcome =
            place.run(&text.replace("version: 0.2", &format!("version: 0.2\nenv: {{shell: {shell}}}"))).await;
        assert_eq!(outcome.failure.unwrap().exit_code, Some(7));
        // How deep an item runs, and so how many signs its trace begins with, is the shell's affair.
        let shown: Vec<String> = place.output().iter().map(|line| line.replace("++ ", "+ ")).collect();
        assert_eq!(shown, ["one", "+ echo two", "two", "three", "+ exit 7", "four"], "{shell}");
        for foreign in ["penstock", "set +", "eval"] {
            assert!(!place.log().contains(foreign), "{shell} {foreign}: {}", place.log());
        }
    }
}

#[tokio::test]
async fn finally_leaves_the_failed_commands_output_to_the_failure() {
    let place = Place::new();
    let text = build(
        "      - sh -c 'echo connection reset >&2; exit 7'
    finally: [echo cleaning]
    on-failure: RETRY-2-connection reset
",
    );
    let outcome = place.run(&text).await;
    assert_eq!(place.output(), ["connection reset", "cleaning"].repeat(3));
    let failure = outcome.failure.unwrap();
    assert_eq!(
        (failure.exit_code, failure.last_lines.as_slice()),
        (Some(7), &["connection reset".into()][..])
    );
}

#[tokio::test]
async fn what_follows_a_failed_phase() {
    let cases = [
        ("install", "", "INSTALL FAILED"),
        ("pre_build", "", "PRE_BUILD FAILED"),
        ("build", "", "BUILD FAILED, POST_BUILD SUCCEEDED, UPLOAD_ARTIFACTS SUCCEEDED"),
        ("build", "on-failure: ABORT, ", "BUILD FAILED"),
        (
            "pre_build",
            "on-failure: CONTINUE, ",
            "PRE_BUILD FAILED, BUILD SUCCEEDED, POST_BUILD SUCCEEDED, UPLOAD_ARTIFACTS SUCCEEDED",
        ),
        ("post_build", "", "POST_BUILD FAILED, UPLOAD_ARTIFACTS SUCCEEDED"),
    ];
    for (phase, extra, expected) in cases {
        let place = Place::new();
        let outcome =
            place.run(&format!("version: 0.2\nphases: {{{phase}: {{{extra}commands: [exit 3]}}}}")).await;
        assert_eq!(outcome.status, BuildStatus::Failed);
        let shown = statuses(&outcome).join(", ");
        assert!(shown.ends_with(expected), "{phase} {extra}: {shown}");
        assert_eq!(outcome.failure.unwrap().exit_code, Some(3));
    }
}

#[tokio::test]
async fn retries() {
    let text = |on_failure: &str| {
        build("      - echo x >> tries\n      - 'echo connection timed out; test $(wc -l < tries) = 3'\n")
            .replace("    commands", &format!("    on-failure: {on_failure}\n    commands"))
    };
    for (on_failure, tries, status) in [
        ("RETRY", 3, BuildStatus::Succeeded),
        ("RETRY-1", 2, BuildStatus::Failed),
        ("RETRY-5-timed out", 3, BuildStatus::Succeeded),
        ("RETRY-5-another error", 1, BuildStatus::Failed),
    ] {
        let place = Place::new();
        let outcome = place.run(&text(on_failure)).await;
        let file = std::fs::read_to_string(place.path("source/tries")).unwrap();
        assert_eq!((file.lines().count(), outcome.status), (tries, status), "{on_failure}");
        assert_eq!(outcome.failure.is_none(), status == BuildStatus::Succeeded);
    }
}

#[tokio::test]
async fn version_0_1_gives_each_command_a_shell() {
    let place = Place::new();
    let text = build("      - cd /\n      - A=1\n      - echo $A$PWD\n").replace("0.2", "0.1");
    assert_eq!(place.run(&text).await.status, BuildStatus::Succeeded);
    assert_eq!(place.output(), [place.path("source").display().to_string()]);
}

struct Known;

#[async_trait]
impl Secrets for Known {
    async fn parameter(&self, name: &str) -> Result<String, SecretError> {
        if name == "/ci/token" { Ok("tok/en+secret".into()) } else { Err(SecretError(format!("no {name}"))) }
    }

    async fn secret(&self, reference: &SecretReference) -> Result<String, SecretError> {
        reference.pick(r#"{"password": "pass word!"}"#)
    }
}

#[tokio::test]
async fn secrets_reach_commands_and_not_the_log() {
    let place = Place::new();
    let mut request = place.request(
        "
version: 0.2
env:
  variables: {A: buildspec, B: buildspec, C: buildspec}
  parameter-store: {TOKEN: /ci/token}
  secrets-manager: {PASSWORD: 'db:password'}
  exported-variables: [PASSWORD, HIDDEN, LINK, A]
phases:
  build:
    commands:
      - test \"$TOKEN\" = tok/en+secret && test \"$PASSWORD\" = 'pass word!' && echo $A $B $C
      - echo $TOKEN
      - printf 'tok/en+'; printf secret
      - export LINK=https://me:tok%2Fen+secret@example.com/
      - printf '%s' \"x:$TOKEN\" | base64
      - printf '<testsuite><testcase name=\"%s\"><failure/></testcase></testsuite>' $TOKEN >r.xml
      - echo \"$PASSWORD\" >&2; exit 1
reports:
  unit: {files: r.xml}
",
    );
    let variable =
        |name: &str, text: &str| Variable { name: name.into(), value: VariableValue::Plaintext(text.into()) };
    request.project_variables = vec![variable("B", "project"), variable("C", "project")];
    let hidden = VariableValue::Parameter("/ci/token".into());
    request.action_variables =
        vec![variable("C", "action"), Variable { name: "HIDDEN".into(), value: hidden }];
    request.secrets = Arc::new(Known);
    let outcome = run(request).await;
    assert_eq!(place.output(), ["buildspec project action", "***", "***", "eDp***", "***"]);
    assert!(!place.log().contains("tok/en+secret") && !place.log().contains("pass word!"));
    assert_eq!(outcome.exported_variables, [("A".into(), "buildspec".into())]);
    assert!(place.log().contains("PASSWORD is not exported: its value contains a secret"), "{}", place.log());
    assert!(place.log().contains("LINK is not exported"), "{}", place.log());
    assert_eq!(outcome.reports[0].failing[0].name, "***");
    let failure = outcome.failure.unwrap();
    assert_eq!((failure.exit_code, failure.last_lines), (Some(1), vec!["***".to_owned()]));
}

#[tokio::test]
async fn a_missing_secret_fails_before_any_command() {
    let place = Place::new();
    let mut request = place.request(
        &build("      - echo never\n").replace("phases", "env: {parameter-store: {X: /missing}}\nphases"),
    );
    request.secrets = Arc::new(Known);
    let outcome = run(request).await;
    assert_eq!(statuses(&outcome), ["DOWNLOAD_SOURCE FAILED"]);
    assert_eq!(outcome.failure.unwrap().code, "Decrypted Variables Error");
    assert!(place.output().is_empty());
}

#[tokio::test]
async fn a_stop_and_the_timeout_end_every_process() {
    let escape = "      - (setsid sh -c 'trap \"\" TERM; echo ready; sleep 1000' &) ; sleep 1000\n";
    for stopped in [true, false] {
        let place = Place::new();
        let lock = place.path("lineage");
        let mut request = place.request(&build(escape));
        let (sender, stop) = watch::channel(false);
        request.lineage = Some(Lineage::try_open(&lock).unwrap());
        if stopped {
            request.stop = stop;
            struct Stop(watch::Sender<bool>);
            impl LogSink for Stop {
                fn write_line(&self, line: &str) {
                    if line == "ready" {
                        self.0.send(true).unwrap();
                    }
                }
            }
            request.sink = Arc::new(Stop(sender));
        } else {
            request.timeout = Duration::from_millis(200);
        }
        let outcome = run(request).await;
        let expected = if stopped { BuildStatus::Stopped } else { BuildStatus::TimedOut };
        assert_eq!(outcome.status, expected);
        assert_eq!(outcome.phases.last().unwrap().status, expected);
        Lineage::open(&lock).await.unwrap();
    }
}

#[tokio::test]
async fn another_user_takes_directory_and_variables_over() {
    let place = Place::new();
    for path in ["", "source", "work"] {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(place.path(path), std::fs::Permissions::from_mode(0o777)).unwrap();
    }
    let text = "
version: 0.2
phases:
  install: {commands: [mkdir d, cd d, A=1]}
  build: {run-as: nobody, commands: ['echo $(id -un) $A $(basename $PWD)', B=2]}
  post_build: {commands: ['echo $(id -u) $B $HOME']}
";
    let outcome = place.run(text).await;
    if penstock_process::Account::named("nobody").unwrap().permitted() {
        assert_eq!(place.output(), ["nobody 1 d", "0 2 /"], "{}", place.log());
    } else {
        assert!(outcome.failure.unwrap().message.contains("run Penstock as root"));
    }
}

#[tokio::test]
async fn a_flood_of_output_keeps_its_end() {
    let place = Place::new();
    let outcome = place
        .run(&build("      - head -c 30000000 /dev/zero | tr '\\0' x; echo end; printf '\\377\\n'\n"))
        .await;
    assert_eq!(outcome.status, BuildStatus::Succeeded);
    let output = place.output();
    let bytes: usize = output.iter().map(String::len).sum();
    assert_eq!((bytes, output.last().unwrap().as_str()), (30_000_000 + 3 + 3, "\u{fffd}"));
    assert!(output.iter().all(|line| line.len() <= MAX_LINE));
}
