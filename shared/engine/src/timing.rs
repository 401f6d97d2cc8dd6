//! How long things may take and how often they are repeated.

use std::collections::BTreeMap;
use std::time::Duration;

use penstock_model::pipeline::{Action, Category, Owner};
use penstock_model::time::Timestamp;
use penstock_model::variable::{PIPELINE_NAMESPACE, Reference, resolve};

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// How long a stage is kept for cancelled work whose end is not known.
pub const GRACE: Duration = Duration::from_secs(10 * MINUTE);

/// The pause before the repetition that follows `repeated` earlier ones: 1, 2, 4, 8, then 15 minutes each.
pub fn pause(repeated: u32) -> Duration {
    Duration::from_secs(MINUTE * (1 << repeated.min(4)).min(15))
}

/// How much longer an attempt may take than its provider gives the work: its end has to be noticed first. For so long after
/// that limit work is asked for each minute.
const MARGIN: Duration = Duration::from_secs(10 * MINUTE);

/// The longest pause before work is asked for again of whose end no event tells.
const UNTOLD: Duration = Duration::from_secs(2 * MINUTE);

/// How long an invoked function has to answer (`CodePipeline` user guide, "Quotas": action timeouts). Each continuation begins
/// anew; of which one this is, only the provider knows. So silence is noticed about a minute after the first call's time,
/// and after a later call's with the ordinary pause, at most a quarter of an hour late.
const ANSWER: Duration = Duration::from_secs(20 * MINUTE);

/// How long the work of `action` may take from its beginning on, where the provider, which has to be asked, ends it then.
fn own_limit(action: &Action, variables: &BTreeMap<String, String>) -> Option<Duration> {
    match (action.action_type_id.category, action.action_type_id.provider.as_str()) {
        (_, "ECS") => Some(deployment_timeout(action, variables)),
        (Category::Invoke, "Lambda") => Some(ANSWER),
        _ => None,
    }
}

/// Minutes of ECS ("Amazon ECS deploy action reference", `DeploymentTimeout`), also where the pipeline's `variables` say them.
/// What an earlier action put out is no part of the state and is taken for the default: the deployment ends by its own limit,
/// and that is noticed as rarely as any end.
fn deployment_timeout(action: &Action, variables: &BTreeMap<String, String>) -> Duration {
    let of_pipeline = |reference: Reference<'_>| {
        variables.get(reference.key).filter(|_| reference.namespace == PIPELINE_NAMESPACE).cloned()
    };
    let said = action.configuration.get("DeploymentTimeout");
    let said = said.and_then(|text| resolve(text, of_pipeline).ok()?.trim().parse().ok());
    let minutes: u64 = said.filter(|minutes| (1..=60).contains(minutes)).unwrap_or(60);
    Duration::from_secs(minutes * MINUTE)
}

/// Whether no event can tell of the work of `action`: a stack hears those of its own region, and none of `CodeBuild`'s tells of
/// a batch.
fn is_untold(action: &Action) -> bool {
    let is_set = |key| action.configuration.get(key).is_some_and(|value| value.eq_ignore_ascii_case("true"));
    action.region.is_some() || (action.action_type_id.provider == "CodeBuild" && is_set("BatchEnabled"))
}

/// When running work of `action` that began at `begun` is asked for again, after `repeated` questions: soon after its own
/// limit, however rare the questions have become, and often where nothing else tells. What goes on long after that limit,
/// as a function that has more and more to do, is asked for as rarely as anything.
pub(crate) fn next_check(
    action: Option<&Action>,
    variables: &BTreeMap<String, String>,
    begun: Timestamp,
    repeated: u32,
    now: Timestamp,
) -> Timestamp {
    let is_untold = action.is_some_and(is_untold);
    let next = now.plus(if is_untold { pause(repeated).min(UNTOLD) } else { pause(repeated) });
    let ends = action.and_then(|action| own_limit(action, variables)).map(|limit| begun.plus(limit));
    let near = ends.filter(|ends| now < ends.plus(MARGIN));
    near.map_or(next, |ends| next.min(ends.max(now.plus(pause(0)))))
}

/// How long an attempt of `action` may take from its scheduling on, or wait for a verdict (`CodePipeline` user
/// guide, "Quotas": action timeouts; the build service's own for `CodeBuild`).
pub fn time_limit(action: &Action, variables: &BTreeMap<String, String>) -> Duration {
    let seconds = match (action.action_type_id.category, action.action_type_id.provider.as_str()) {
        (Category::Approval, _) => {
            action.timeout_in_minutes.map_or(7 * DAY, |minutes| u64::from(minutes) * MINUTE)
        }
        (_, "CloudFormation" | "CloudFormationStackSet" | "CloudFormationStackInstances") => 3 * DAY,
        (_, "CodeDeploy" | "CodeDeployToECS") => 5 * DAY,
        (Category::Test, "CodeBuild") => 8 * HOUR,
        (_, "CodeBuild") => 36 * HOUR,
        (Category::Invoke, "Lambda") => DAY,
        (_, "Commands") => 55 * MINUTE,
        (_, "ECS") => return deployment_timeout(action, variables) + MARGIN,
        (Category::Deploy, "S3") => 90 * MINUTE,
        (_, "StepFunctions") => 7 * DAY,
        _ if action.action_type_id.owner == Owner::Custom => DAY,
        _ => HOUR,
    };
    Duration::from_secs(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_quarter_of_an_hour() {
        let minutes: Vec<u64> = (0..7).map(|repeated| pause(repeated).as_secs() / 60).collect();
        assert_eq!(minutes, [1, 2, 4, 8, 15, 15, 15]);
        assert_eq!(pause(u32::MAX), pause(4));
    }

    /// In which minutes after its beginning running work of `action` is asked for first.
    fn asked_for(action: &Action) -> Vec<i64> {
        asked_for_throughout(action).take(8).collect()
    }

    fn asked_for_throughout(action: &Action) -> impl Iterator<Item = i64> {
        let next = |(repeated, now): &(u32, Timestamp)| {
            let next = next_check(Some(action), &BTreeMap::new(), Timestamp(0), repeated + 1, *now);
            Some((repeated + 1, next))
        };
        std::iter::successors(Some((0, Timestamp(60_000))), next).map(|(_, now)| now.0 / 60_000)
    }

    fn action(category: &str, provider: &str) -> Action {
        serde_json::from_value(serde_json::json!({
            "name": "Go", "actionTypeId": { "category": category, "owner": "AWS", "provider": provider, "version": "1" },
        }))
        .unwrap()
    }

    #[test]
    fn a_function_that_does_not_answer_is_given_up_soon_after_its_time() {
        let function = action("Invoke", "Lambda");
        assert_eq!(asked_for(&function), [1, 3, 7, 15, 20, 21, 22, 23]);
        assert_eq!(time_limit(&function, &BTreeMap::new()), Duration::from_secs(DAY), "by its continuations");
    }

    #[test]
    fn a_function_that_goes_on_and_on_is_asked_for_as_rarely_as_anything() {
        let function = action("Invoke", "Lambda");
        let later: Vec<i64> =
            asked_for_throughout(&function).skip_while(|minute| *minute < 29).take(4).collect();
        assert_eq!(later, [29, 30, 45, 60]);
        let of_a_day = asked_for_throughout(&function).take_while(|minute| *minute < 24 * 60).count();
        assert_eq!(of_a_day, 108);
    }

    #[test]
    fn what_no_event_tells_of_is_asked_for_every_two_minutes() {
        let (seldom, often) = ([1, 3, 7, 15, 30, 45, 60, 75], [1, 3, 5, 7, 9, 11, 13, 15]);
        let build = action("Build", "CodeBuild");
        assert_eq!(asked_for(&build), seldom);
        let elsewhere = Action { region: Some("eu-west-1".to_owned()), ..build.clone() };
        assert_eq!(asked_for(&elsewhere), often);
        for (batch, asked) in [("true", often), ("True", often), ("false", seldom)] {
            let configuration = [("BatchEnabled".to_owned(), batch.to_owned())].into();
            assert_eq!(asked_for(&Action { configuration, ..build.clone() }), asked, "{batch}");
        }
    }

    fn to_ecs(timeout: &str) -> Action {
        serde_json::from_value(serde_json::json!({
            "name": "Go", "actionTypeId": { "category": "Deploy", "owner": "AWS", "provider": "ECS", "version": "1" },
            "configuration": { "ClusterName": "c", "ServiceName": "s", "DeploymentTimeout": timeout }
        }))
        .unwrap()
    }

    #[test]
    fn a_deployment_ends_by_its_own_limit_before_ours() {
        let variables = BTreeMap::from([("minutes".to_owned(), "20".to_owned())]);
        for (timeout, minutes) in [
            ("60", 60),
            ("15", 15),
            ("1", 1),
            ("", 60),
            ("#{variables.minutes}", 20),
            ("#{variables.other}", 60),
            ("#{Build.minutes}", 60),
        ] {
            let own = Duration::from_secs(minutes * MINUTE);
            assert_eq!(own_limit(&to_ecs(timeout), &variables), Some(own), "{timeout}");
            assert!(time_limit(&to_ecs(timeout), &variables) > own, "{timeout}");
        }
    }

    #[test]
    fn the_end_of_its_own_limit_is_noticed_soon() {
        let minute = |minutes: i64| Timestamp(minutes * 60_000);
        let after = |timeout: &str, repeated: u32, now: i64| {
            next_check(Some(&to_ecs(timeout)), &BTreeMap::new(), minute(0), repeated, minute(now))
        };
        assert_eq!(after("60", 1, 1), minute(3), "before, as rarely as anything");
        assert_eq!(after("60", 6, 46), minute(60), "46 and a quarter of an hour is too late");
        assert_eq!(after("60", 7, 60), minute(61), "then each minute");
        assert_eq!(after("60", 8, 61), minute(62));
        assert_eq!(after("1", 0, 0), minute(1));
        assert_eq!(next_check(None, &BTreeMap::new(), minute(0), 6, minute(46)), minute(61));
    }
}
