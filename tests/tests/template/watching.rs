//! What people see of an installation: alarms that ring when they should, a dashboard with everything on it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::document::{Template, list};

const HOUR: i64 = 3600;

/// The alarm's metric, threshold, and for how many minutes it has to be so.
fn rings(template: &Template, alarm: &str) -> (String, i64, i64) {
    let alarm = template.resource(alarm);
    let number = |name: &str| alarm.property(name).as_i64().unwrap();
    let metric = alarm.property("MetricName").as_str().unwrap().to_owned();
    (metric, number("Threshold"), number("Period") * number("EvaluationPeriods") / 60)
}

#[test]
fn alarms_ring_when_people_are_needed_and_not_before() {
    let template = Template::load();
    let mut expected: BTreeMap<String, (&str, i64, i64)> = [
        // What failed once comes again after the visibility timeout, an hour and a half.
        ("ActionQueueAgeAlarm", ("ApproximateAgeOfOldestMessage", 2 * HOUR, 5)),
        ("ArtifactQueueAgeAlarm", ("ApproximateAgeOfOldestMessage", 2 * HOUR, 5)),
        ("CommandQueueAgeAlarm", ("ApproximateAgeOfOldestMessage", 600, 5)),
        ("NotificationQueueAgeAlarm", ("ApproximateAgeOfOldestMessage", HOUR, 5)),
        // In milliseconds; the stream keeps records for a day.
        ("NotificationStreamAgeAlarm", ("IteratorAge", HOUR / 2 * 1000, 5)),
        ("FailuresAlarm", ("Failures", 3, 10)),
        ("RequestFailuresAlarm", ("5xx", 0, 5)),
        ("ThrottlesAlarm", ("Throttles", 0, 15)),
        ("StuckAlarm", ("OldestDebtAge", HOUR, 10)),
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
    let alarms = template.of_type("AWS::CloudWatch::Alarm");
    // tests/benches/executions/idle.rs and README.md count them too.
    assert_eq!((alarms.len(), expected.len()), (26, 26));
    for alarm in alarms {
        let (metric, threshold, minutes) = expected[alarm.name];
        assert_eq!(rings(&template, alarm.name), (metric.to_owned(), threshold, minutes), "{}", alarm.name);
        assert_eq!(alarm.whole["Condition"], "WithAlarms", "{}", alarm.name);
        let is_silence = alarm.name == "SilentSweeperAlarm";
        let comparison = match (is_silence, metric) {
            (true, _) => "LessThanThreshold",
            (false, "Errors" | "Failures") => "GreaterThanOrEqualToThreshold",
            (false, _) => "GreaterThanThreshold",
        };
        assert_eq!(alarm.property("ComparisonOperator"), comparison, "{}", alarm.name);
        let missing = if is_silence { "breaching" } else { "notBreaching" };
        assert_eq!(alarm.property("TreatMissingData"), missing, "{}", alarm.name);
    }
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
