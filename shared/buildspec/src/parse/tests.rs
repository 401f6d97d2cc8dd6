//! What is accepted, what is refused and where.

use penstock_model::diagnostic::Severity;
use proptest::prelude::*;

use super::*;
use crate::definition::{Batch, BatchBuilds, OnFailure, PhaseName, ReportFormat, Shell};

/// The codes and places of what `parse` says.
fn said(source: &str) -> Vec<String> {
    let show = |diagnostic: &Diagnostic| {
        let severity = if diagnostic.severity == Severity::Error { "" } else { "~" };
        format!("{severity}{} {}", diagnostic.code, diagnostic.place)
    };
    parse(source).diagnostics.iter().map(show).collect()
}

fn accepted(source: &str) -> Buildspec {
    let parsed = parse(source);
    assert!(parsed.diagnostics.is_empty(), "{:?}", parsed.diagnostics);
    parsed.buildspec.unwrap()
}

#[test]
fn everything_is_read() {
    let buildspec = accepted(
        "
version: 0.2
run-as: builder
env:
  shell: bash
  variables: {FLAG: NO, VERSION: 8.0}
  parameter-store: {TOKEN: /ci/token}
  secrets-manager: {PASSWORD: 'db:password'}
  exported-variables: [TAG]
  git-credential-helper: yes
proxy: {upload-artifacts: no, logs: yes}
phases:
  post_build: {commands: [echo done]}
  install:
    runtime-versions: {java: 8.0, python: 3.10}
    commands: [echo install]
  build:
    run-as: other
    on-failure: RETRY-2-timeout
    commands:
      - echo one
      - |
        echo two
        echo three
    finally: [echo end]
reports:
  unit: {files: '**/*.xml', base-directory: out, discard-paths: yes, file-format: NUnitXml}
artifacts:
  files: app
  name: app-$(date +%F)
  exclude-paths: ['**/.*']
  enable-symlinks: yes
  s3-prefix: releases
  secondary-artifacts:
    docs: {files: ['**/*'], base-directory: docs, discard-paths: no}
cache:
  key: k
  fallback-keys: [a, b]
  action: save
  paths: [/root/.m2/**/*]
",
    );
    assert_eq!(buildspec.env.variables, [("FLAG".into(), "NO".into()), ("VERSION".into(), "8.0".into())]);
    assert_eq!(buildspec.env.shell, Shell::Bash);
    let names: Vec<_> = buildspec.phases.iter().map(|phase| phase.name).collect();
    assert_eq!(names, [PhaseName::Install, PhaseName::Build, PhaseName::PostBuild]);
    assert_eq!(buildspec.phases[0].runtime_versions[1], ("python".into(), "3.10".into()));
    assert_eq!(buildspec.phases[1].commands[1], "echo two\necho three\n");
    assert_eq!(buildspec.phases[1].on_failure, OnFailure::Retry { count: 2, pattern: "timeout".into() });
    assert_eq!(buildspec.reports[0].format, ReportFormat::NunitXml);
    let artifacts = buildspec.artifacts.unwrap();
    assert_eq!((artifacts.primary.files, artifacts.secondary.len()), (vec!["app".to_owned()], 1));
    assert!(buildspec.proxy.logs && !buildspec.proxy.upload_artifacts && buildspec.env.git_credential_helper);
}

#[test]
fn all_problems_are_reported_at_once() {
    let source = "
phases:
  artifacts: {files: [x]}
  build:
    on-failure: MAYBE
    commands:
      - echo ok
      - curl -H Accept: text/plain x
      -
    finally: {a: b}
env: {shell: fish}
";
    let expected = [
        "missing-version 2:1",
        "unknown-phase 3:3",
        "bad-on-failure 5:17",
        "command-is-mapping 8:9",
        "~empty 9:8",
        "wrong-type 10:14",
        "unknown-shell 11:14",
    ];
    assert_eq!(said(source), expected);
    let message = parse(source).diagnostics.swap_remove(3).message;
    assert!(message.contains("commands[1]") && message.contains("single quotes"), "{message}");
}

#[test]
fn what_real_files_have_is_let_through_with_a_warning() {
    let source = "version: '0.2'
phases:
  install:
  pre_build:
    commands:
  build:
    commands: |
      echo one
      echo two
artifacts: {files: out, type: zip}
settings: {}
";
    let expected =
        ["~empty 3:3", "~empty 5:5", "~scalar-commands 7:5", "~old-name 10:25", "~unknown-key 11:1"];
    let places: Vec<_> =
        said(source).iter().map(|said| said.split(' ').next().unwrap_or_default().to_owned()).collect();
    let codes: Vec<_> =
        expected.iter().map(|said| said.split(' ').next().unwrap_or_default().to_owned()).collect();
    assert_eq!(places, codes);
    assert!(parse(source).buildspec.is_some());
}

#[test]
fn versions() {
    assert_eq!(accepted("version: 0.1\nphases: {build: {commands: [a]}}").version, Version::V0_1);
    assert_eq!(said("version: 1.0\nphases: {build: {commands: [a]}}"), ["bad-version 1:10"]);
    assert_eq!(said(""), ["empty 1:1"]);
    assert_eq!(said("version: 0.2"), ["missing-phases 1:1"]);
}

#[test]
fn limits_and_names() {
    let head = "version: 0.2\nphases: {build: {commands: [a]}}\n";
    assert_eq!(said(&format!("{head}env: {{variables: {{CODEBUILD_X: 1}}}}")), ["~reserved-name 3:19"]);
    assert_eq!(said(&format!("{head}env: {{exported-variables: [a-b]}}")), ["bad-name 3:27"]);
    assert_eq!(
        said(&format!("{head}cache: {{key: k, paths: [p], fallback-keys: [1,2,3,4,5,6]}}")),
        ["too-many-keys 3:44"]
    );
    assert_eq!(
        said(&format!("{head}reports: {{a: {{file-format: X}}}}")),
        ["missing-files 3:11", "unknown-format 3:28"]
    );
}

#[test]
fn batches() {
    let batch = |text: &str| format!("version: 0.2\nbatch:\n  fast-fail: true\n{text}");
    let graph = "  build-graph:\n  - identifier: a\n  - identifier: b\n    depend-on: [a]\n    env: {variables: {X: 1}}\n";
    let Some(Batch { fast_fail: true, builds: BatchBuilds::Graph(builds) }) = accepted(&batch(graph)).batch
    else {
        panic!("no graph");
    };
    assert_eq!((builds[1].depend_on.as_slice(), builds[1].variables.len()), (["a".to_owned()].as_slice(), 1));
    let cycle = "  build-graph:\n  - {identifier: a, depend-on: [b]}\n  - {identifier: b, depend-on: [a]}\n";
    assert_eq!(said(&batch(cycle)), ["dependency-cycle 5:5"]);
    let wrong = "  build-graph:\n  - {identifier: a, depend-on: [c]}\n  - {identifier: a}\n  - {ignore-failure: no}\n";
    assert_eq!(
        said(&batch(wrong)),
        ["unknown-dependency 5:5", "duplicate-identifier 6:5", "missing-identifier 7:5"]
    );
    let matrix = "  build-matrix:\n    static: {ignore-failure: yes, env: {type: LINUX_CONTAINER}}\n    dynamic: {buildspec: [a.yml, b.yml], env: {image: one, variables: {X: [1, 2], Y: [3]}}}\n";
    let Some(Batch { builds: BatchBuilds::Matrix(builds), .. }) = accepted(&batch(matrix)).batch else {
        panic!("no matrix");
    };
    let shown = |build: &crate::definition::BatchedBuild| {
        let values: Vec<&str> = build.variables.iter().map(|(_, value)| value.as_str()).collect();
        format!("{} {} {}", build.identifier, build.buildspec.as_deref().unwrap_or("-"), values.join(""))
    };
    let all: Vec<String> = builds.iter().map(shown).collect();
    assert_eq!(all, ["build_1 a.yml 13", "build_2 a.yml 23", "build_3 b.yml 13", "build_4 b.yml 23"]);
    assert!(builds.iter().all(|build| build.ignore_failure && build.image.as_deref() == Some("one")));
    let many: Vec<String> = (0..11).map(|number| number.to_string()).collect();
    let many = many.join(",");
    let matrix =
        format!("  build-matrix: {{dynamic: {{env: {{image: [{many}], variables: {{X: [{many}]}}}}}}}}\n");
    assert_eq!(said(&batch(&matrix)), ["too-many-builds 4:17"]);
    assert_eq!(said(&batch("  build-matrix: {dynamic: {env: {image: []}}}\n")), ["empty-batch 4:17"]);
    assert_eq!(said(&batch("  build-fanout: {parallelism: none}\n")), ["bad-parallelism 4:31"]);
}

proptest! {
    #[test]
    fn no_text_panics(source in "\\PC{0,200}") {
        parse(&source);
    }

    #[test]
    fn nothing_that_looks_like_a_buildspec_panics(
        key in "version|phases|env|batch|artifacts|cache|reports|proxy|run-as",
        inner in "build|install|variables|build-list|build-graph|files|paths|commands|x",
        value in "(null|0\\.2|yes|\\[\\]|\\{\\}|\\[a, \\{b: c\\}, null\\]|\\{commands: \\[null, 1, \\{a: b\\}\\]\\}|'x: y')",
    ) {
        parse(&format!("version: 0.2\n{key}:\n  {inner}: {value}\n"));
        parse(&format!("version: 0.2\n{key}: {value}\n"));
    }
}

#[test]
fn an_exported_secret_is_warned_of() {
    let text = "version: 0.2
env:
  parameter-store: {TOKEN: /ci/token}
  secrets-manager: {PASSWORD: 'db:password'}
  exported-variables: [TAG, PASSWORD, TOKEN]
phases: {build: {commands: [make]}}
";
    assert_eq!(said(text), ["~exported-secret 5:23", "~exported-secret 5:23"]);
}
