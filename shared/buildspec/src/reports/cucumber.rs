//! Cucumber's JSON: features, their scenarios and the scenarios' steps.

use std::io::{BufReader, Read};
use std::time::Duration;

use serde::Deserialize;

use super::{Case, CaseStatus};

#[derive(Deserialize)]
struct Feature {
    #[serde(default)]
    name: String,
    #[serde(default)]
    elements: Vec<Scenario>,
}

#[derive(Deserialize)]
struct Scenario {
    #[serde(default)]
    name: String,
    #[serde(default, rename = "type")]
    kind: String,
    #[serde(default)]
    steps: Vec<Step>,
    #[serde(default)]
    before: Vec<Step>,
    #[serde(default)]
    after: Vec<Step>,
}

#[derive(Deserialize)]
struct Step {
    #[serde(default)]
    result: StepResult,
}

#[derive(Deserialize, Default)]
struct StepResult {
    #[serde(default)]
    status: String,
    /// Nanoseconds.
    #[serde(default)]
    duration: f64,
    error_message: Option<String>,
}

pub(super) fn read(input: impl Read, mut take: impl FnMut(Case)) -> Result<(), String> {
    let features: Vec<Feature> = serde_json::from_reader(BufReader::new(input))
        .map_err(|error| format!("not the JSON that Cucumber writes: {error}"))?;
    for feature in features {
        for scenario in feature.elements.into_iter().filter(|scenario| scenario.kind != "background") {
            take(case(&feature.name, scenario));
        }
    }
    Ok(())
}

/// A scenario is as good as its worst step.
fn case(feature: &str, scenario: Scenario) -> Case {
    let mut case = Case { suite: feature.to_owned(), name: scenario.name, ..Case::default() };
    for step in scenario.before.into_iter().chain(scenario.steps).chain(scenario.after) {
        let result = step.result;
        let nanoseconds = Duration::try_from_secs_f64(result.duration / 1e9).unwrap_or_default();
        case.duration = case.duration.saturating_add(nanoseconds);
        match result.status.as_str() {
            "passed" => {}
            "failed" => {
                case.status = CaseStatus::Failed;
                case.message = result.error_message.unwrap_or_default();
            }
            _ if case.status == CaseStatus::Succeeded => case.status = CaseStatus::Skipped,
            _ => {}
        }
    }
    case
}
