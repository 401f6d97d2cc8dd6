//! What people see of an installation: alarms that ring when they should, a dashboard with everything on it.

use std::collections::{BTreeMap, BTreeSet};

use penstock_app::engine::timing::pause;
use serde_json::Value;

use crate::document::{Template, list};

const HOUR: i64 = 3600;

/// When an alarm rings: in so many of its latest periods, its metric was beyond the threshold.
#[derive(Debug, Clone, Copy)]
struct Rings {
    threshold: i64,
    minutes: i64,
    periods: i64,
    of_them: i64,
}

impl Rings {
    fn of(template: &Template, alarm: &str) -> (String, Self) {
        let alarm = template.resource(alarm);
        let number = |name: &str| alarm.property(name).as_i64();
        let periods = number("EvaluationPeriods").unwrap();
        let rings = Self {
            threshold: number("Threshold").unwrap(),
            minutes: number("Period").unwrap() / 60,
            periods,
            of_them: number("DatapointsToAlarm").unwrap_or(periods),
        };
        (alarm.property("MetricName").as_str().unwrap().to_owned(), rings)
    }

    /// The minutes after which it rings, looked at period by period, where `is_beyond` says of each minute whether the metric
    /// is beyond the threshold then.
    fn minutes(self, until: i64, is_beyond: impl Fn(i64) -> bool) -> Vec<i64> {
        let beyond = |period: i64| (period * self.minutes..(period + 1) * self.minutes).any(&is_beyond);
        let rings = |period: &i64| {
            (0..self.periods).filter(|back| *back <= *period && beyond(*period - *back)).count() as i64
                >= self.of_them
        };
        (0..until / self.minutes).filter(rings).map(|period| (period + 1) * self.minutes).collect()
    }
}

#[test]
fn alarms_ring_when_people_are_needed_and_not_before() {
    let template = Template::load();
    // The threshold, and for how many minutes, or in how many of so many periods, the metric is beyond it.
    let mut expected: BTreeMap<String, (&str, i64, i64)> = [
        // What failed once comes again after the visibility timeout, an hour and a half.
        ("ActionQueueAgeAlarm", ("ApproximateAgeOfOldestMessage", 2 * HOUR, 5)),
        ("ArtifactQueueAgeAlarm", ("ApproximateAgeOfOldestMessage", 2 * HOUR, 5)),
        ("CommandQueueAgeAlarm", ("ApproximateAgeOfOldestMessage", 600, 5)),
        // What is tried in vain is not counted after its third try, twelve minutes after the first.
        ("NotificationQueueAgeAlarm", ("ApproximateAgeOfOldestMessage", HOUR / 4, 5)),
        // In milliseconds; the stream keeps records for a day.
        ("NotificationStreamAgeAlarm", ("IteratorAge", HOUR / 2 * 1000, 5)),
        ("FailuresAlarm", ("Failures", 1, 60)),
        ("SweepFailuresAlarm", ("SweepFailures", 1, 180)),
        ("RequestFailuresAlarm", ("5xx", 0, 5)),
        ("ThrottlesAlarm", ("Throttles", 0, 15)),
        ("StuckAlarm", ("OldestDebtAge", HOUR, 20)),
        ("SilentSweeperAlarm", ("Invocations", 1, 15)),
    ]
    .map(|(name, alarm)| (name.to_owned(), alarm))
    .into();
    for queue in
        template.of_type("AWS::SQS::Queue").iter().filter(|queue| queue.name.ends_with("DeadLetters"))
    {
        expected.insert(format!("{}Alarm", queue.name), ("ApproximateNumberOfMessagesVisible", 0, 5));
    }
    for function in template.functions().values() {
        let name = function.name.strip_suffix("Function").unwrap();
        expected.insert(format!("{name}ErrorsAlarm"), ("Errors", 3, 5));
    }
    let some_of_them = [("FailuresAlarm", 4), ("SweepFailuresAlarm", 2), ("StuckAlarm", 1)];
    let alarms = template.of_type("AWS::CloudWatch::Alarm");
    // tests/benches/executions/idle.rs and README.md count them too.
    assert_eq!((alarms.len(), expected.len()), (27, 27));
    for alarm in alarms {
        let (metric, threshold, minutes) = expected[alarm.name];
        let (of, rings) = Rings::of(&template, alarm.name);
        let seen = (of.as_str(), rings.threshold, rings.minutes * rings.periods);
        assert_eq!(seen, (metric, threshold, minutes), "{}", alarm.name);
        let of_them = some_of_them.iter().find(|it| it.0 == alarm.name).map_or(rings.periods, |it| it.1);
        assert_eq!(rings.of_them, of_them, "{}", alarm.name);
        assert_eq!(alarm.whole["Condition"], "WithAlarms", "{}", alarm.name);
        let is_silence = alarm.name == "SilentSweeperAlarm";
        let comparison = match (is_silence, metric) {
            (true, _) => "LessThanThreshold",
            (false, "Errors" | "Failures" | "SweepFailures") => "GreaterThanOrEqualToThreshold",
            (false, _) => "GreaterThanThreshold",
        };
        assert_eq!(alarm.property("ComparisonOperator"), comparison, "{}", alarm.name);
        let missing = if is_silence { "breaching" } else { "notBreaching" };
        assert_eq!(alarm.property("TreatMissingData"), missing, "{}", alarm.name);
    }
}

/// Whether what is owed since minute 0 and not taken up is sent again in this minute.
fn sent_again(minute: i64) -> bool {
    let pauses = (0..).map(|repeated| pause(repeated).as_secs() as i64 / 60);
    pauses
        .scan(0, |at, pause| {
            *at += pause;
            Some(*at)
        })
        .take_while(|at| *at <= minute)
        .any(|at| at == minute)
}

#[test]
fn what_is_owed_for_an_hour_rings_and_goes_on_ringing() {
    let (_, stuck) = Rings::of(&Template::load(), "StuckAlarm");
    let rings = stuck.minutes(300, |minute| sent_again(minute) && minute * 60 > stuck.threshold);
    assert_eq!(rings, (80..=300).step_by(5).collect::<Vec<_>>());
}

#[test]
fn what_fails_for_good_rings_and_what_passes_does_not() {
    let (_, failures) = Rings::of(&Template::load(), "FailuresAlarm");
    // A record of which somebody cannot be told comes back every six minutes.
    assert_eq!(failures.minutes(60, |minute| minute % 6 == 0).first(), Some(&20));
    // An observation that fails is made again with the reminders.
    let rings = failures.minutes(300, sent_again);
    assert_eq!(rings, (35..=300).step_by(5).collect::<Vec<_>>());
    // A service was away for ten minutes.
    for begun in 40..60 {
        assert!(failures.minutes(300, |minute| (begun..begun + 10).contains(&minute)).is_empty(), "{begun}");
    }
    let (_, sweeps) = Rings::of(&Template::load(), "SweepFailuresAlarm");
    assert_eq!(sweeps.minutes(600, |minute| minute % 60 == 8).first(), Some(&120));
    assert!(sweeps.minutes(600, |minute| minute == 68).is_empty());
}

/// The metrics of the dashboard: the name, and what it is of, as the template names that.
fn on_the_dashboard(template: &Template) -> Vec<(String, String)> {
    let body = template.resource("Dashboard").property("DashboardBody")["Fn::Sub"].as_str().unwrap();
    let body: Value = serde_json::from_str(body).unwrap();
    let widgets = list(&body["widgets"]);
    assert!(
        widgets.iter().all(|widget| widget["type"] == "metric" && widget["properties"]["title"].is_string())
    );
    let metrics = widgets.into_iter().flat_map(|widget| list(&widget["properties"]["metrics"]));
    let named = metrics.map(|metric| {
        let parts: Vec<&str> = list(metric).into_iter().filter_map(Value::as_str).collect();
        let of = parts.last().unwrap().trim_start_matches("${").trim_end_matches('}');
        let of = of.trim_end_matches(".QueueName").to_owned();
        (parts.get(1).copied().unwrap_or_default().to_owned(), of)
    });
    named.collect()
}

#[test]
fn the_dashboard_has_every_queue_and_every_function() {
    let template = Template::load();
    let metrics = on_the_dashboard(&template);
    let has = |metric: &str, of: &str| metrics.iter().any(|it| it.0 == metric && it.1 == of);
    for queue in template.of_type("AWS::SQS::Queue") {
        let metric = if queue.name.ends_with("DeadLetters") {
            "ApproximateNumberOfMessagesVisible"
        } else {
            "ApproximateAgeOfOldestMessage"
        };
        assert!(has(metric, queue.name), "{} is not on the dashboard", queue.name);
    }
    for function in template.functions().values() {
        for metric in ["Errors", "Invocations", "Duration"] {
            assert!(has(metric, function.name), "{metric} of {} are not on the dashboard", function.name);
        }
    }
    assert!(has("IteratorAge", "NotificationFunction"));
    for (metric, of) in &metrics {
        let is_known = template.0["Resources"].get(of).is_some();
        let is_ours = of == "AWS::StackName"
            || ["Succeeded", "Failed", "Stopped", "Superseded", "..."].contains(&&**of);
        assert!(is_known || is_ours, "{metric} of {of}, which is not there");
    }
    // More than fifty make it cost three dollars a month (CloudWatch pricing, free tier).
    assert!(metrics.len() <= 50, "{} metrics", metrics.len());
}

#[test]
fn what_a_queue_keeps_is_seen_by_the_sweeper() {
    let template = Template::load();
    let variables = &template.resource("SweeperFunction").property("Environment")["Variables"];
    let of = |name: &str| -> BTreeSet<String> {
        let queues = list(&variables[name]["Fn::Join"][1]);
        queues.into_iter().map(|queue| queue["Ref"].as_str().unwrap().to_owned()).collect()
    };
    let (redriven, counted) = (of("DEAD_LETTER_QUEUE_URLS"), of("OTHER_LETTER_QUEUE_URLS"));
    assert!(redriven.is_disjoint(&counted));
    let queues = template.of_type("AWS::SQS::Queue");
    let dead = queues.iter().map(|queue| queue.name.to_owned()).filter(|name| name.ends_with("DeadLetters"));
    assert_eq!(redriven.union(&counted).cloned().collect::<BTreeSet<_>>(), dead.collect());
}
