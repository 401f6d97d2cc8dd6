//! The metrics on the dashboard and behind the alarms are ones that the functions emit.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use regex::Regex;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The names that `pattern` finds in `text`.
fn names(text: &str, pattern: &str) -> BTreeSet<String> {
    let pattern = Regex::new(pattern).unwrap();
    pattern.captures_iter(text).map(|found| found[1].to_owned()).collect()
}

/// What the functions and their adapter emit: `.with("NAME", Unit::…)`, tests aside.
fn emitted() -> BTreeSet<String> {
    let files = ["functions", "shared/aws/src"].map(|folder| walkdir::WalkDir::new(root().join(folder)));
    let files = files.into_iter().flatten().map(|entry| entry.unwrap().into_path());
    let sources = files.filter(|path| path.extension().is_some_and(|it| it == "rs"));
    let emitted = sources.flat_map(|path| {
        let text = std::fs::read_to_string(path).unwrap();
        names(text.split("#[cfg(test)]").next().unwrap(), r#"\.with\(\s*"(\w+)",\s*Unit::"#)
    });
    emitted.collect()
}

#[test]
fn what_is_shown_and_watched_is_emitted() {
    let template = std::fs::read_to_string(root().join("template.yaml")).unwrap();
    let shown = names(&template, r#"\["Penstock", "(\w+)""#);
    let watched = names(&template, r"Namespace: Penstock\s+MetricName: (\w+)");
    let emitted = emitted();
    let expected =
        ["DeadLetters", "Executions", "Failures", "OldestDebtAge", "SweepFailures", "TransitionLatency"];
    assert_eq!(emitted, expected.map(str::to_owned).into());
    // The dashboard shows the dead letters of each queue instead; with one metric more it would not be among the free ones.
    let hidden: Vec<_> = emitted.difference(&shown).collect();
    assert_eq!(hidden, ["DeadLetters", "SweepFailures"]);
    assert!(shown.is_subset(&emitted), "{shown:?}");
    let expected = ["Failures", "OldestDebtAge", "SweepFailures"];
    assert_eq!(watched, expected.map(str::to_owned).into(), "what an alarm watches");
}

/// By each outcome under which executions are counted.
#[test]
fn the_dashboard_counts_executions_by_outcomes_that_there_are() {
    let template = std::fs::read_to_string(root().join("template.yaml")).unwrap();
    let shown = names(&template, r#""Executions", "Stack", "[^"]+", "Outcome", "(\w+)""#);
    let status =
        |name: &str| serde_json::from_value::<penstock_app::engine::state::ExecutionStatus>(name.into());
    for outcome in &shown {
        assert!(status(outcome).unwrap().is_terminal(), "{outcome}");
    }
    assert!(shown.contains("Succeeded") && shown.contains("Failed"), "{shown:?}");
}
