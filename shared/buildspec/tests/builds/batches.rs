//! Several builds of one source.

use penstock_buildspec::*;

use crate::place::{Place, build, unzip};

async fn batch(place: &Place, text: &str) -> (BatchOutcome, String) {
    std::fs::write(
        place.path("source/other.yml"),
        build("      - echo other $X > result\n") + "artifacts: {files: [result]}\n",
    )
    .unwrap();
    let outcome =
        run_batch(place.request(&format!("version: 0.2\n{text}")), place.folder.path()).await.unwrap();
    let shown = outcome.builds.iter().map(|build| {
        let status = build.outcome.as_ref().map_or("-".into(), |outcome| outcome.status.to_string());
        format!("{} {status}", build.identifier)
    });
    let shown = shown.collect::<Vec<_>>().join(", ");
    (outcome, shown)
}

#[tokio::test]
async fn a_list_runs_in_parallel_on_copies() {
    let place = Place::new();
    let (outcome, shown) = batch(
        &place,
        "
batch:
  build-list:
    - {identifier: one, env: {variables: {X: 1}}, ignore-failure: yes}
    - {identifier: two, buildspec: other.yml, env: {variables: {X: 2}}}
phases: {build: {commands: ['echo $CODEBUILD_BATCH_BUILD_IDENTIFIER $X', mkdir made, exit 4]}}
",
    )
    .await;
    assert_eq!((outcome.status, shown.as_str()), (BuildStatus::Succeeded, "one FAILED, two SUCCEEDED"));
    assert_eq!(unzip(&place.path("two.zip")), ["result"]);
    assert!(!place.path("source/made").exists());
    assert!(place.log().contains("[one] one 1"), "{}", place.log());
}

#[tokio::test]
async fn a_graph_runs_in_order_and_not_behind_a_failure() {
    let place = Place::new();
    let text = "
batch:
  fast-fail: FAST
  build-graph:
    - {identifier: a}
    - {identifier: b, depend-on: [a], env: {variables: {CODE: 1}}}
    - {identifier: c, depend-on: [b]}
    - {identifier: d, depend-on: [a], env: {variables: {NAP: 1000}}}
phases: {build: {commands: ['[ -z \"$NAP\" ] || sleep $NAP', 'exit ${CODE:-0}']}}
";
    let (outcome, shown) = batch(&place, &text.replace("FAST", "yes")).await;
    assert_eq!(outcome.status, BuildStatus::Failed);
    assert_eq!(shown, "a SUCCEEDED, b FAILED, c -, d STOPPED");
    let place = Place::new();
    let (outcome, shown) = batch(&place, &text.replace("FAST", "no").replace("1000", "0")).await;
    assert_eq!(
        (outcome.status, shown.as_str()),
        (BuildStatus::Failed, "a SUCCEEDED, b FAILED, c -, d SUCCEEDED")
    );
}

#[tokio::test]
async fn a_matrix_runs_each_combination() {
    let place = Place::new();
    let text = "version: 0.2
batch:
  build-matrix:
    static: {ignore-failure: yes}
    dynamic: {env: {variables: {CODE: [0, 1], WHERE: [here, there]}}}
phases: {build: {commands: ['echo \"$CODE $WHERE\"', 'exit $CODE']}}
";
    let (outcome, shown) = batch(&place, text).await;
    assert_eq!(outcome.status, BuildStatus::Succeeded, "failures are ignored");
    assert_eq!(shown, "build_1 SUCCEEDED, build_2 SUCCEEDED, build_3 FAILED, build_4 FAILED");
}

#[tokio::test]
async fn a_fanout_is_refused_with_a_way_out() {
    let place = Place::new();
    let request = place.request("version: 0.2\nbatch: {build-fanout: {parallelism: 2}}\n");
    let error = run_batch(request, place.folder.path()).await.unwrap_err();
    assert!(error.to_string().contains("build-list"), "{error}");
}
