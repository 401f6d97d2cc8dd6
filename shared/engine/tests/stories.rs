//! What each mode and feature does, told as stories: `>` is what was asked, beneath it is what happened.

#[cfg(test)]
mod story;

use std::collections::BTreeMap;

use insta::assert_snapshot;
use penstock_engine::command::{DefineMode, Report, Request, RetryActions};
use penstock_engine::debt::Debt;
use penstock_engine::decide::MAX_CHANGED_ITEMS;
use penstock_engine::pending;
use penstock_engine::state::{RevisionOverride, TriggerCause};
use penstock_model::pipeline::ExecutionMode::{Parallel, Queued, Superseded};
use story::{Story, execution};

const SIMPLE: &str = "Source: Fetch | Build: Compile | Prod: Ship=CodeDeploy";
const ASKING: &str = "Source: Fetch | Build: Unit, Lint; Package | Prod: ?Ask; Ship=CodeDeploy";

#[test]
fn a_commit_travels_through_all_stages() {
    let mut story = Story::new(Superseded, ASKING);
    story.push('A');
    story.succeed("A Build/Lint");
    story.started("A Build/Unit");
    story.succeed("A Build/Unit");
    story.succeed("A Build/Package");
    story.verdict("A Prod/Ask", true);
    story.succeed("A Prod/Ship");
    assert_snapshot!(story.told());
}

#[test]
fn superseded_a_waiting_execution_gives_way_to_a_newer_one() {
    let mut story = Story::new(Superseded, SIMPLE);
    story.push('A');
    story.push('B');
    story.push('C');
    story.start('D');
    story.succeed("A Build/Compile");
    assert_snapshot!(story.told());
}

#[test]
fn superseded_only_the_latest_waiter_passes_an_opened_transition() {
    let mut story = Story::new(Superseded, SIMPLE);
    story.disable("Prod");
    story.push('A');
    story.succeed("A Build/Compile");
    story.push('B');
    story.succeed("B Build/Compile");
    story.enable("Prod");
    story.enable("Prod");
    story.disable("Source");
    story.enable("Source");
    assert_snapshot!(story.told());
}

#[test]
fn superseded_an_execution_in_a_stage_stays_while_an_approval_waits() {
    let mut story = Story::new(Superseded, "Source: Fetch | Prod: ?Ask; Ship=CodeDeploy");
    story.push('A');
    story.push('B');
    story.push('C');
    story.verdict("A Prod/Ask", true);
    story.succeed("A Prod/Ship");
    assert_snapshot!(story.told());
}

#[test]
fn queued_executions_keep_their_order() {
    let mut story = Story::new(Queued, SIMPLE);
    story.start('A');
    story.start('B');
    story.start('C');
    story.succeed("A Source/Fetch");
    story.succeed("B Source/Fetch");
    story.succeed("C Source/Fetch");
    story.fail("A Build/Compile");
    story.succeed("B Build/Compile");
    assert_snapshot!(story.told());
}

#[test]
fn parallel_executions_do_not_mind_each_other() {
    let mut story = Story::new(Parallel, "Source: Fetch | Prod: ?Ask");
    story.start('A');
    story.start('B');
    story.succeed("B Source/Fetch");
    story.succeed("A Source/Fetch");
    story.verdict("B Prod/Ask", false);
    story.retry('B', "Prod", RetryActions::FailedActions);
    story.disable("Prod");
    story.push('C');
    story.push('D');
    story.enable("Prod");
    assert_snapshot!(story.told());
}

#[test]
fn no_more_than_fifty_are_active_in_queued_and_parallel() {
    let mut story = Story::new(Parallel, SIMPLE);
    for number in 0..50_u8 {
        story.start(char::from(b'0' + number));
    }
    story.skip();
    story.start('x');
    story.stop('0', true);
    story.start('x');
    assert_snapshot!(story.told());
}

#[test]
fn what_is_too_much_for_one_decision_goes_on_with_a_wake_up() {
    let mut story = Story::new(Parallel, "Source: Fetch | Prod: ?Ask");
    story.disable("Prod");
    for number in 0..50_u8 {
        story.push(char::from(b'0' + number));
    }
    story.enable("Prod");
    assert_eq!(story.count_in("Prod"), MAX_CHANGED_ITEMS - 2);
    assert_eq!(pending(&story.state, story.now), [Debt::GoOn]);
    story.wait(0);
    assert_eq!(story.count_in("Prod"), 50);
    assert_eq!(pending(&story.state, story.now), []);
}

#[test]
fn a_failing_stage_settles_when_its_running_actions_have_ended() {
    let mut story = Story::new(Superseded, ASKING);
    story.push('A');
    story.push('B');
    story.fail("A Build/Lint");
    story.succeed("A Build/Unit");
    assert_snapshot!(story.told());
}

#[test]
fn a_failed_stage_is_retried() {
    let mut story = Story::new(Superseded, ASKING);
    story.push('A');
    story.fail("A Build/Lint");
    story.retry('A', "Build", RetryActions::FailedActions);
    story.succeed("A Build/Unit");
    story.skip();
    story.retry('A', "Build", RetryActions::FailedActions);
    story.succeed("A Build/Lint");
    story.fail("A Build/Package");
    story.retry('A', "Build", RetryActions::AllActions);
    story.succeed("A Build/Lint");
    story.succeed("A Build/Unit");
    story.succeed("A Build/Package");
    story.retry('A', "Build", RetryActions::FailedActions);
    story.retry('A', "Nowhere", RetryActions::FailedActions);
    assert_snapshot!(story.told());
}

#[test]
fn a_retry_names_what_still_runs() {
    let mut story = Story::new(Superseded, ASKING);
    story.push('A');
    story.skip();
    story.retry('A', "Build", RetryActions::FailedActions);
    story.fail("A Build/Lint");
    story.retry('A', "Build", RetryActions::FailedActions);
    story.succeed("A Build/Unit");
    assert_snapshot!(story.told());
}

#[test]
fn a_retry_is_refused_once_another_execution_has_entered() {
    let mut story = Story::new(Superseded, SIMPLE);
    story.push('A');
    story.fail("A Build/Compile");
    story.start('B');
    story.retry('A', "Build", RetryActions::FailedActions);
    story.succeed("B Source/Fetch");
    story.fail("A Build/Compile");
    story.retry('A', "Build", RetryActions::FailedActions);
    assert_snapshot!(story.told());
}

#[test]
fn stop_and_wait_lets_running_actions_end() {
    let mut story = Story::new(Superseded, ASKING);
    story.push('A');
    story.push('B');
    story.stop('A', false);
    story.stop('A', false);
    story.succeed("A Build/Unit");
    story.succeed("A Build/Lint");
    story.stop('A', false);
    story.retry('A', "Build", RetryActions::FailedActions);
    assert_snapshot!(story.told());
}

#[test]
fn a_stopped_stage_can_be_resumed() {
    let mut story = Story::new(Superseded, ASKING);
    story.push('A');
    story.stop('A', false);
    story.fail("A Build/Unit");
    story.succeed("A Build/Lint");
    story.retry('A', "Build", RetryActions::FailedActions);
    story.succeed("A Build/Unit");
    story.succeed("A Build/Package");
    story.stop('A', false);
    story.verdict("A Prod/Ask", true);
    story.retry('A', "Prod", RetryActions::FailedActions);
    assert_snapshot!(story.told());
}

#[test]
fn a_waiting_execution_stops_at_once() {
    let mut story = Story::new(Queued, SIMPLE);
    story.push('A');
    story.push('B');
    story.stop('B', false);
    assert_snapshot!(story.told());
}

#[test]
fn abandoned_work_keeps_its_stage_until_its_end_is_known() {
    let mut story = Story::new(Superseded, ASKING);
    story.push('A');
    story.push('B');
    story.started("A Build/Unit");
    story.stop('A', false);
    story.stop('A', true);
    story.tell_owed();
    story.stop('A', true);
    story.retry('A', "Build", RetryActions::FailedActions);
    story.started("A Build/Lint");
    story.report("A Build/Unit", "reports its cancellation", Report::Cancelled);
    story.succeed("A Build/Lint");
    story.succeed("A Build/Lint");
    assert_snapshot!(story.told());
}

#[test]
fn abandoned_work_keeps_its_stage_no_longer_than_its_grace() {
    let mut story = Story::new(Superseded, SIMPLE);
    story.push('A');
    story.push('B');
    story.stop('A', true);
    story.skip();
    story.wait(1);
    story.wait(2);
    story.wait(4);
    story.wait(3);
    assert_snapshot!(story.told());
}

#[test]
fn work_beyond_its_time_is_cancelled_and_fails() {
    let mut story = Story::new(Superseded, "Source: Fetch, Other | Build: Compile");
    story.start('A');
    story.started("A Source/Fetch");
    story.skip();
    story.wait(60);
    story.succeed("A Source/Fetch");
    story.wait(10);
    assert_snapshot!(story.told());
}

#[test]
fn a_report_that_comes_late_still_counts() {
    let mut story = Story::new(Superseded, SIMPLE);
    story.start('A');
    story.wait_unnoticed(61);
    story.succeed("A Source/Fetch");
    story.succeed("A Source/Fetch");
    assert_snapshot!(story.told());
}

#[test]
fn an_approval_expires() {
    let mut story = Story::new(Superseded, "Source: Fetch | Prod: ?Ask");
    story.push('A');
    story.wait(7 * 24 * 60 - 1);
    story.wait_unnoticed(1);
    story.verdict("A Prod/Ask", true);
    story.retry('A', "Prod", RetryActions::FailedActions);
    story.verdict("A Prod/Ask", false);
    story.verdict("A Prod/Ask", true);
    story.verdict("A Source/Fetch", true);
    story.verdict("A Prod/Nobody", true);
    assert_snapshot!(story.told());
}

#[test]
fn an_approval_takes_no_report_and_no_old_token() {
    let mut story = Story::new(Superseded, "Source: Fetch | Prod: ?Ask, ?AskToo");
    story.push('A');
    let first = story.attempt("A Prod/Ask");
    story.verdict("A Prod/Ask", false);
    story.verdict("A Prod/AskToo", true);
    story.retry('A', "Prod", RetryActions::FailedActions);
    story.skip();
    story.succeed("A Prod/Ask");
    let (by, comment) = ("bob".into(), String::new());
    story
        .ask("approve with the first token", Request::Decide { attempt: first, approved: true, by, comment });
    assert_snapshot!(story.told());
}

#[test]
fn an_interrupted_attempt_is_made_again_however_often() {
    let mut story = Story::new(Superseded, "Source: Fetch | Build: Unit, Lint");
    story.push('A');
    story.interrupt("A Build/Unit");
    story.interrupt("A Build/Unit");
    story.succeed("A Build/Lint");
    story.stop('A', false);
    story.interrupt("A Build/Unit");
    story.retry('A', "Build", RetryActions::FailedActions);
    assert_snapshot!(story.told());
}

#[test]
fn an_action_that_nobody_takes_up_is_sent_again_and_a_running_one_observed() {
    let mut story = Story::new(Superseded, SIMPLE);
    story.start('A');
    story.tell_owed();
    for minutes in [1, 1, 1, 4] {
        story.wait_and_send(minutes);
    }
    story.started("A Source/Fetch");
    story.tell_owed();
    for minutes in [1, 1, 1, 4] {
        story.wait_and_send(minutes);
    }
    story.report("A Source/Fetch", "is running", Report::Running);
    assert_snapshot!(story.told());
}

#[test]
fn work_cancelled_outside_has_failed() {
    let mut story = Story::new(Superseded, SIMPLE);
    story.start('A');
    story.report("A Source/Fetch", "reports its cancellation", Report::Cancelled);
    assert_snapshot!(story.told());
}

#[test]
fn a_stage_is_rolled_back_to_an_earlier_execution() {
    let mut story = Story::new(Superseded, SIMPLE);
    for letter in ['A', 'B'] {
        story.push(letter);
        story.succeed(&format!("{letter} Build/Compile"));
    }
    story.succeed("A Prod/Ship");
    story.skip();
    story.roll_back('R', "Prod", 'A');
    story.fail("B Prod/Ship");
    story.disable("Prod");
    story.roll_back('R', "Prod", 'A');
    story.roll_back('R', "Prod", 'A');
    story.retry('B', "Prod", RetryActions::FailedActions);
    story.succeed("R Prod/Ship");
    story.roll_back('S', "Prod", 'R');
    story.roll_back('S', "Prod", 'B');
    story.roll_back('S', "Source", 'A');
    story.roll_back('S', "Nowhere", 'A');
    story.roll_back('S', "Prod", 'Z');
    assert_snapshot!(story.told());
}

#[test]
fn a_rollback_goes_first_once_abandoned_work_has_ended() {
    let mut story = Story::new(Superseded, SIMPLE);
    for letter in ['A', 'B', 'C'] {
        story.push(letter);
        story.succeed(&format!("{letter} Build/Compile"));
        if letter == 'A' {
            story.succeed("A Prod/Ship");
        }
    }
    story.skip();
    story.stop('B', true);
    story.roll_back('R', "Prod", 'A');
    story.report("B Prod/Ship", "reports its cancellation", Report::Cancelled);
    story.succeed("R Prod/Ship");
    assert_snapshot!(story.told());
}

#[test]
fn an_execution_keeps_the_definition_that_it_began_with() {
    let mut story = Story::new(Superseded, SIMPLE);
    story.push('A');
    let renamed = "Source: Fetch | Test: Check | Production: Ship=CodeDeploy";
    story.define(2, Superseded, renamed, DefineMode::Update);
    story.push('B');
    story.succeed("A Build/Compile");
    story.succeed("A Prod/Ship");
    story.define(2, Superseded, renamed, DefineMode::Update);
    story.define(3, Superseded, renamed, DefineMode::Create);
    story.roll_back('R', "Prod", 'A');
    assert_snapshot!(story.told());
}

#[test]
fn a_pipeline_is_deleted_and_defined_anew() {
    let mut story = Story::new(Superseded, SIMPLE);
    story.disable("Build");
    story.push('A');
    story.ask("delete", Request::Delete);
    story.stop('A', false);
    story.ask("delete", Request::Delete);
    story.start('B');
    story.define(2, Superseded, SIMPLE, DefineMode::Update);
    story.define(2, Superseded, SIMPLE, DefineMode::Create);
    story.push('B');
    assert_snapshot!(story.told());
}

#[test]
fn a_start_says_what_is_wrong_with_it() {
    let mut story = Story::new(Superseded, SIMPLE);
    let definition = story.definitions.values_mut().next().unwrap();
    let declared = serde_json::json!([{ "name": "Region" }, { "name": "Level", "defaultValue": "info" }]);
    std::sync::Arc::make_mut(definition).variables = serde_json::from_value(declared).unwrap();
    let mut ask = |title: &str, variables: &[(&str, &str)], action: &str| {
        let (kind, value) = ("COMMIT_ID".into(), "abc".into());
        let request = Request::Start {
            execution: execution('A'),
            trigger: TriggerCause {
                kind: "Cli".into(),
                detail: "ann".into(),
                delivery: None,
                reference: None,
            },
            variables: variables.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
            overrides: vec![RevisionOverride { action: action.parse().unwrap(), kind, value }],
        };
        story.ask(title, request);
    };
    ask("start without a value", &[], "Fetch");
    ask("start with an undeclared variable", &[("Region", "eu"), ("Colour", "red")], "Fetch");
    ask("start with an override of no source", &[("Region", "eu")], "Compile");
    ask("start", &[("Region", "eu")], "Fetch");
    ask("the same start again", &[("Region", "eu")], "Fetch");
    let values: BTreeMap<String, String> =
        [("Region", "eu"), ("Level", "info")].map(|(k, v)| (k.into(), v.into())).into();
    assert_eq!(story.state.executions[&execution('A')].variables, values);
    assert_snapshot!(story.told());
}

#[test]
fn what_is_not_there_is_refused() {
    let mut story = Story::new(Superseded, SIMPLE);
    story.stop('A', false);
    story.disable("Nowhere");
    story.retry('A', "Prod", RetryActions::AllActions);
    story.push('A');
    story.retry('A', "Prod", RetryActions::AllActions);
    let (reason, by) = ("x".repeat(301), "ann".into());
    story.ask("disable with a long reason", Request::Disable { stage: "Prod".parse().unwrap(), reason, by });
    assert_snapshot!(story.told());
}
