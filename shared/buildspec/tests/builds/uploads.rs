//! Artifacts, reports and the cache.

use std::sync::Arc;

use penstock_buildspec::*;

use crate::place::{Place, build, unzip};

#[tokio::test]
async fn artifacts_are_expanded_by_the_builds_shell() {
    let place = Place::new();
    let mut request = place.request(
        "
version: 0.2
phases:
  build: {commands: [mkdir -p out/d docs, 'touch out/r-7-x.json out/d/a docs/i.html', 'N=7 X=\"x\"', cd /]}
artifacts:
  base-directory: out
  files: ['r-$N-$(printf \"%s\" \"$X\").json', missing, 'd/*']
  name: app-$N/$(ls -d docs)
  secondary-artifacts:
    docs: {files: ['**/*'], base-directory: $CODEBUILD_SRC_DIR/docs}
",
    );
    request.outputs.primary = Some(place.path("primary.zip"));
    request.outputs.secondary = vec![("docs".into(), place.path("docs.zip"))];
    let outcome = run(request).await;
    assert_eq!(outcome.status, BuildStatus::Succeeded, "{}", place.log());
    assert_eq!(unzip(&place.path("primary.zip")), ["d/a", "r-7-x.json"]);
    assert_eq!(unzip(&place.path("docs.zip")), ["i.html"]);
    assert_eq!(outcome.artifacts[0].name.as_deref(), Some("app-7/docs"));
    assert!(
        place.log().contains("Expanded to r-7-x.json")
            && place.log().contains("Skipping invalid file path missing")
    );
}

#[tokio::test]
async fn no_matching_files_fail_the_upload() {
    let place = Place::new();
    let mut request = place.request(&(build("      - 'true'\n") + "artifacts: {files: [nothing]}\n"));
    request.outputs.primary = Some(place.path("primary.zip"));
    let failure = run(request).await.failure.unwrap();
    assert_eq!((failure.phase, failure.code.as_str()), (BuildPhase::UploadArtifacts, "CLIENT_ERROR"));
    assert!(failure.message.starts_with("no matching artifact paths found; "), "{}", failure.message);
}

#[tokio::test]
async fn what_the_shell_cannot_expand_fails_the_upload() {
    let place = Place::new();
    let mut request =
        place.request(&(build("      - 'true'\n") + "artifacts: {files: ['${MISSING:?not set}']}\n"));
    request.outputs.primary = Some(place.path("primary.zip"));
    let failure = run(request).await.failure.unwrap();
    assert!(failure.message.contains("cannot expand `${MISSING:?not set}`"), "{}", failure.message);
}

#[tokio::test]
async fn reports_are_read_although_the_tests_failed() {
    let place = Place::new();
    let outcome = place
        .run(
            "
version: 0.2
phases:
  pre_build:
    commands:
      - mkdir out; echo '<testsuite><testcase classname=\"C\" name=\"t\"><failure message=\"no\"/></testcase></testsuite>' > out/r.xml
      - 'false'
reports:
  unit-$CODEBUILD_BUILD_NUMBER: {files: ['**/*.xml'], base-directory: out}
  coverage: {files: [out/r.xml], file-format: CLOVERXML}
",
        )
        .await;
    assert_eq!((outcome.reports[0].name.as_str(), outcome.reports[0].counts.failed), ("unit-1", 1));
    assert!(place.log().contains("Report unit-1: failed: C t: no"), "{}", place.log());
    assert!(place.log().contains("coverage file(s), which are listed but not read here"));
}

#[tokio::test]
async fn the_cache_comes_back() {
    let text = build("      - cat deps/a || { mkdir deps; echo cached > deps/a; }\n")
        + "cache: {key: 'k-$(codebuild-hash-files lock)-$HOME', paths: ['deps/**/*']}\n";
    let cache = tempfile::tempdir().unwrap();
    for expected in ["cat: deps/a: No such file or directory", "cached"] {
        let place = Place::new();
        std::fs::write(place.path("source/lock"), "1").unwrap();
        let mut request = place.request(&text);
        request.cache = Some(cache.path().join("project"));
        assert_eq!(run(request).await.status, BuildStatus::Succeeded, "{}", place.log());
        assert_eq!(place.output(), [expected]);
    }
}

#[tokio::test]
async fn plain_commands_are_a_build_too() {
    let place = Place::new();
    let commands = ["V=1", "echo x > file", "false", "echo never"].map(String::from).to_vec();
    let buildspec = Buildspec::from_commands(commands, vec!["V".into()], vec!["file".into()]);
    let mut request = place.request(&build("      - x\n"));
    request.buildspec = Arc::new(buildspec);
    request.outputs.primary = Some(place.path("primary.zip"));
    let outcome = run(request).await;
    assert_eq!(
        (outcome.status, outcome.failure.unwrap().command.as_deref()),
        (BuildStatus::Failed, Some("false"))
    );
    assert_eq!(outcome.exported_variables, [("V".into(), "1".into())]);
    assert_eq!(unzip(&place.path("primary.zip")), ["file"]);
}
