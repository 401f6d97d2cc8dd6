//! Both spellings read alike; what each rule says stands in the tables beneath.

use super::*;

/// The short spelling, as the reference of the format prints it.
const SHORT: &str = "\
pipeline:
  name: MyAppPipeline
  stages:
    - name: Source
      actions:
        - name: SourceAction
          actionType: Source
          provider: GitHub
          outputArtifacts:
            - name: SourceOutput
    - name: Build
      actions:
        - name: BuildAction
          actionType: Build
          provider: CodeBuild
          inputArtifacts:
            - name: SourceOutput
          outputArtifacts:
            - name: BuildOutput
";

fn lines(parsed: &Parsed) -> String {
    parsed.diagnostics.iter().map(|diagnostic| format!("{diagnostic}\n")).collect()
}

#[test]
fn the_short_spelling_is_filled_in() {
    let parsed = parse(SHORT);
    insta::assert_yaml_snapshot!(parsed.pipeline);
    insta::assert_snapshot!(lines(&parsed));
}

#[test]
fn the_api_spelling_reads_back_what_was_read() {
    let pipeline = parse(SHORT).pipeline.unwrap();
    let wrapped = serde_json::json!({"pipeline": pipeline, "metadata": {"pipelineArn": "arn"}});
    assert_eq!(parse(&serde_json::to_string_pretty(&wrapped).unwrap()).pipeline.as_ref(), Some(&pipeline));
    assert_eq!(from_json(&wrapped).pipeline, Some(pipeline));
}

mod fuzz;
mod reading;
mod rules;

/// A definition that uses much and about which nothing is to be said.
const FULL: &str = include_str!("tests/full.yml");

/// `severity code` of each diagnostic.
fn codes(parsed: &Parsed) -> Vec<String> {
    let severity = |diagnostic: &Diagnostic| match diagnostic.severity {
        crate::diagnostic::Severity::Warning => "warning",
        crate::diagnostic::Severity::Error => "error",
    };
    parsed.diagnostics.iter().map(|found| format!("{} {}", severity(found), found.code)).collect()
}

/// [`FULL`] with `from` replaced by `to`.
fn changed(from: &str, to: &str) -> String {
    assert_eq!(FULL.matches(from).count(), 1, "{from} must stand once");
    FULL.replace(from, to)
}
