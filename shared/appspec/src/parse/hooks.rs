//! `hooks` of the EC2/on-premises shape: scripts by lifecycle event.

use std::collections::BTreeMap;

use penstock_model::document::{Key, Node};

use super::checker::Checker;
use super::server::path;
use crate::appspec::Script;
use crate::lifecycle::LifecycleEvent;

/// What a script gets that names no time (AWS CodeDeploy user guide, hooks: one hour).
const DEFAULT_TIMEOUT_SECONDS: u64 = 3600;
/// What the scripts of one event may take together (the same page).
const EVENT_TIMEOUT_SECONDS: u64 = 3600;

pub(super) fn read(
    checker: &mut Checker,
    node: &Node,
    windows: bool,
) -> BTreeMap<LifecycleEvent, Vec<Script>> {
    let mut hooks = BTreeMap::new();
    if node.is_null() {
        return hooks;
    }
    for (key, scripts) in checker.entries(node, "`hooks`").unwrap_or_default() {
        let event = event(checker, key);
        let scripts = event_scripts(checker, key, scripts, windows);
        if let Some(event) = event {
            hooks.insert(event, scripts);
        }
    }
    hooks
}

/// Unknown names are ignored by the agent, and by us with a warning.
fn event(checker: &mut Checker, key: &Key) -> Option<LifecycleEvent> {
    match LifecycleEvent::named(&key.text) {
        Some(event) if event.scriptable_on_instances() => Some(event),
        Some(event) => {
            let message =
                format!("`{event}` takes no scripts on instances, so these never run; choose another event");
            checker.warn(key.place, "event-reserved", message);
            None
        }
        None => {
            let message = format!(
                "there is no lifecycle event `{}`, so these scripts never run; events are ApplicationStop, \
                 BeforeInstall, AfterInstall, ApplicationStart, ValidateService and, with a load balancer, \
                 Before/AfterBlockTraffic and Before/AfterAllowTraffic",
                key.text
            );
            checker.warn(key.place, "event-unknown", message);
            None
        }
    }
}

fn event_scripts(checker: &mut Checker, key: &Key, node: &Node, windows: bool) -> Vec<Script> {
    let items = checker.items(node, &format!("`{}`", key.text));
    let scripts: Vec<Script> = items.iter().filter_map(|item| script(checker, item, windows)).collect();
    let seconds = |item: &Node| u64::try_from(item.get("timeout")?.integer()?).ok();
    let written = items.iter().filter_map(seconds).fold(0, u64::saturating_add);
    if written > EVENT_TIMEOUT_SECONDS {
        let message = format!(
            "the scripts of one event may take {EVENT_TIMEOUT_SECONDS} seconds together, these ask for {written}; \
             CodeDeploy ends the event before that"
        );
        checker.warn(key.place, "event-timeout", message);
    }
    scripts
}

fn script(checker: &mut Checker, item: &Node, windows: bool) -> Option<Script> {
    let what = "a script";
    if item.text().is_some() {
        let message = "a script is a mapping; write `- location: PATH`";
        checker.error(item.place, "wrong-type", message);
        return None;
    }
    let entries = checker.entries(item, what)?;
    checker.unknown_keys(entries, &["location", "timeout", "runas", "sudo"], what);
    let location = checker.required_text(item, "location", what);
    let timeout_seconds =
        item.get("timeout").map_or(Some(DEFAULT_TIMEOUT_SECONDS), |node| timeout(checker, node));
    let run_as = run_as(checker, item);
    let location = location?;
    let text = location.text()?.trim();
    if text.contains(char::is_whitespace) {
        let message =
            "CodeDeploy's agent passes no arguments and fails on a space in `location`; rename the script";
        checker.warn(location.place, "location-space", message);
    }
    let slashed = if windows { text.replace('\\', "/") } else { text.into() };
    let path = path(checker, location, &slashed, "location-leaves", "a script lies in the revision")?;
    Some(Script { location: text.into(), path, timeout_seconds: timeout_seconds?, run_as })
}

/// `sudo: true` is undocumented but works in the agent: it runs the script as root.
fn run_as(checker: &mut Checker, item: &Node) -> Option<String> {
    let run_as = checker.optional_text(item, "runas");
    let Some(sudo) = item.get("sudo") else {
        return run_as;
    };
    checker.warn(sudo.place, "sudo", "`sudo` is undocumented; write `runas: root` instead");
    run_as.or_else(|| (sudo.flag() == Some(true)).then(|| "root".into()))
}

/// Seconds above zero, quoted or not; a fraction is cut off.
fn timeout(checker: &mut Checker, node: &Node) -> Option<u64> {
    if node.is_null() {
        return Some(DEFAULT_TIMEOUT_SECONDS);
    }
    let text = checker.text(node, "timeout")?.trim();
    let whole = text.split_once('.').map_or(text, |(whole, fraction)| {
        if fraction.bytes().all(|byte| byte.is_ascii_digit()) { whole } else { text }
    });
    match whole.parse::<u64>() {
        Ok(seconds @ 1..) => Some(seconds),
        Ok(0) | Err(_) => {
            let message =
                format!("`timeout` is a number of seconds above zero, this is `{text}`; write e.g. 300");
            checker.error(node.place, "timeout", message);
            None
        }
    }
}
