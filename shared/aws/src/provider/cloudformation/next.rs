//! What a mode does next, from the state of the stack alone: nothing else is remembered, so that whoever repeats a
//! step finds it done. Operations of our own on the stack are recognised before, by their token.

use super::status::{
    DELETE_FAILED, DELETED, DELETING, IN_REVIEW, can_only_be_deleted, is_replaced, is_under_way,
};
use crate::offered::cloudformation::Mode;

/// The next step on a stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// Create it.
    Create,
    /// Update it.
    Update,
    /// Delete it.
    Delete,
    /// Something is under way that has to end first.
    Wait,
    /// There is nothing to do.
    Nothing,
    /// It cannot go on: why, and what to do.
    Fail(String),
}

/// The step of a mode without change sets on the stack with `status`; `None`: there is none.
///
/// | the stack                  | `CREATE_UPDATE` | `REPLACE_ON_FAILURE` | `DELETE_ONLY` |
/// |----------------------------|---------------|--------------------|-------------|
/// | is absent                  | create        | create             | nothing     |
/// | is being deleted           | wait          | wait               | wait        |
/// | is busy otherwise          | fail          | fail               | delete      |
/// | has only change sets       | fail          | fail               | delete      |
/// | failed at its creation     | update        | delete             | delete      |
/// | can only be deleted        | fail          | delete             | delete      |
/// | is well                    | update        | update             | delete      |
pub(super) fn on_stack(mode: Mode, name: &str, status: Option<&str>) -> Step {
    let replaces = mode == Mode::ReplaceOnFailure;
    let deletes = mode == Mode::DeleteOnly;
    match status {
        None | Some(DELETED) if deletes => Step::Nothing,
        None | Some(DELETED) => Step::Create,
        Some(DELETING) => Step::Wait,
        Some(_) if deletes => Step::Delete,
        Some(status) if is_under_way(status) => Step::Fail(busy(name, status)),
        Some(IN_REVIEW) => Step::Fail(format!(
            "the stack `{name}` has only change sets and no resources yet: execute one of them (CHANGE_SET_EXECUTE) or delete the stack (DELETE_ONLY)"
        )),
        Some(status) if replaces && is_replaced(status) => Step::Delete,
        Some(status) if can_only_be_deleted(status) => Step::Fail(stuck(name, status)),
        Some(_) => Step::Update,
    }
}

/// What to do about our own deletion of a stack that is to be replaced, or was to be deleted, and that ended badly.
pub(super) fn deletion_failed(name: &str) -> String {
    format!("the stack `{name}` could not be deleted ({DELETE_FAILED})")
}

fn busy(name: &str, status: &str) -> String {
    format!(
        "the stack `{name}` is in {status}: somebody else is working on it; retry the stage when that has ended"
    )
}

fn stuck(name: &str, status: &str) -> String {
    format!(
        "the stack `{name}` is in {status} and cannot be updated: use the mode REPLACE_ON_FAILURE, or delete it (DELETE_ONLY) and retry the stage"
    )
}

/// A change set as it is described.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ChangeSet {
    /// Its ARN.
    pub(super) id: String,
    /// The stack's ARN.
    pub(super) stack_id: String,
    /// Whether this attempt made it.
    pub(super) is_ours: bool,
    /// The API's `ChangeSetStatus`.
    pub(super) status: String,
    /// Why, if that has a reason.
    pub(super) reason: String,
    /// The API's `ExecutionStatus`.
    pub(super) execution: String,
}

impl ChangeSet {
    /// Whether it failed because there is nothing to change, which is no failure of the action.
    pub(super) fn is_empty(&self) -> bool {
        let reasons = ["didn't contain changes", "No updates are to be performed"];
        self.status == "FAILED" && reasons.iter().any(|reason| self.reason.contains(reason))
    }

    fn is_being_made(&self) -> bool {
        matches!(self.status.as_str(), "CREATE_PENDING" | "CREATE_IN_PROGRESS")
    }

    fn is_being_deleted(&self) -> bool {
        matches!(self.status.as_str(), "DELETE_PENDING" | "DELETE_IN_PROGRESS")
    }
}

/// The next step on a change set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum SetStep {
    /// Make it; whether the stack exists.
    Make {
        /// Whether it changes a stack that is there, or creates one.
        updates: bool,
    },
    /// Delete the one with its name.
    Delete,
    /// Execute it.
    Execute,
    /// Something has to end first.
    Wait,
    /// It is as it should be: what a person reads.
    Done(&'static str),
    /// It cannot go on: why, and what to do.
    Fail(String),
}

/// The step of `CHANGE_SET_REPLACE`; `stack` is its status, looked at only while there is no change set.
pub(super) fn on_replaced_set(name: &str, set: Option<&ChangeSet>, stack: Option<&str>) -> SetStep {
    match set {
        None => make(name, stack),
        Some(set) if set.is_being_deleted() || set.is_being_made() => SetStep::Wait,
        Some(set) if !set.is_ours => SetStep::Delete,
        Some(set) if set.status == "CREATE_COMPLETE" => SetStep::Done("made"),
        Some(set) if set.is_empty() => SetStep::Done("made without changes"),
        Some(set) => SetStep::Fail(format!(
            "the change set could not be made: it is in {}: {}",
            set.status, set.reason
        )),
    }
}

fn make(name: &str, stack: Option<&str>) -> SetStep {
    match stack {
        None | Some(DELETED | IN_REVIEW) => SetStep::Make { updates: false },
        Some(DELETING) => SetStep::Wait,
        Some(status) if can_only_be_deleted(status) => SetStep::Fail(stuck(name, status)),
        Some(_) => SetStep::Make { updates: true },
    }
}

/// The step of `CHANGE_SET_EXECUTE` while no execution of ours is known.
pub(super) fn on_executed_set(stack: &str, name: &str, set: Option<&ChangeSet>) -> SetStep {
    let Some(set) = set else {
        return SetStep::Fail(format!(
            "ChangeSetNotFound: the stack `{stack}` has no change set `{name}`; make it by an action before (CHANGE_SET_REPLACE)"
        ));
    };
    match (set.status.as_str(), set.execution.as_str()) {
        _ if set.is_empty() => SetStep::Done("not executed: it has no changes"),
        _ if set.is_being_made() => SetStep::Wait,
        (_, "EXECUTE_IN_PROGRESS") => SetStep::Wait,
        ("CREATE_COMPLETE", "AVAILABLE") => SetStep::Execute,
        (status, execution) => SetStep::Fail(format!(
            "the change set `{name}` cannot be executed: it is in {status}, its execution in {execution}: {}; make it again (CHANGE_SET_REPLACE)",
            if set.reason.is_empty() { "no reason is given" } else { &set.reason }
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_mode_follows_its_column() {
        use Mode::{CreateUpdate, DeleteOnly, ReplaceOnFailure};
        for (status, update, replace, delete) in [
            (None, Step::Create, Step::Create, Step::Nothing),
            (Some("DELETE_COMPLETE"), Step::Create, Step::Create, Step::Nothing),
            (Some("DELETE_IN_PROGRESS"), Step::Wait, Step::Wait, Step::Wait),
            (Some("CREATE_FAILED"), Step::Update, Step::Delete, Step::Delete),
            (Some("UPDATE_ROLLBACK_COMPLETE"), Step::Update, Step::Update, Step::Delete),
            (Some("CREATE_COMPLETE"), Step::Update, Step::Update, Step::Delete),
        ] {
            assert_eq!(on_stack(CreateUpdate, "web", status), update, "{status:?}");
            assert_eq!(on_stack(ReplaceOnFailure, "web", status), replace, "{status:?}");
            assert_eq!(on_stack(DeleteOnly, "web", status), delete, "{status:?}");
        }
    }

    #[test]
    fn a_stack_that_cannot_be_updated_names_the_way_out() {
        for status in ["ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "DELETE_FAILED", "UPDATE_ROLLBACK_FAILED"] {
            let Step::Fail(why) = on_stack(Mode::CreateUpdate, "web", Some(status)) else {
                panic!("{status} was updated");
            };
            assert!(why.contains("REPLACE_ON_FAILURE"), "{why}");
            assert_eq!(on_stack(Mode::ReplaceOnFailure, "web", Some(status)), Step::Delete);
        }
        for status in ["UPDATE_IN_PROGRESS", "REVIEW_IN_PROGRESS"] {
            assert!(matches!(on_stack(Mode::ReplaceOnFailure, "web", Some(status)), Step::Fail(_)));
        }
    }

    fn set(is_ours: bool, status: &str, execution: &str, reason: &str) -> ChangeSet {
        ChangeSet {
            id: "arn:set".to_owned(),
            stack_id: "arn:stack".to_owned(),
            is_ours,
            status: status.to_owned(),
            reason: reason.to_owned(),
            execution: execution.to_owned(),
        }
    }

    const EMPTY: &str = "The submitted information didn't contain changes. Submit different information.";

    #[test]
    fn a_foreign_set_is_replaced_and_our_own_is_kept() {
        let step = |it: &ChangeSet| on_replaced_set("web", Some(it), None);
        assert_eq!(step(&set(false, "CREATE_COMPLETE", "AVAILABLE", "")), SetStep::Delete);
        assert_eq!(step(&set(false, "CREATE_IN_PROGRESS", "UNAVAILABLE", "")), SetStep::Wait);
        assert_eq!(step(&set(false, "FAILED", "UNAVAILABLE", EMPTY)), SetStep::Delete);
        assert_eq!(step(&set(true, "CREATE_COMPLETE", "AVAILABLE", "")), SetStep::Done("made"));
        assert_eq!(step(&set(true, "FAILED", "UNAVAILABLE", EMPTY)), SetStep::Done("made without changes"));
        assert!(matches!(step(&set(true, "FAILED", "UNAVAILABLE", "no rights")), SetStep::Fail(_)));
        assert_eq!(on_replaced_set("web", None, None), SetStep::Make { updates: false });
        assert_eq!(
            on_replaced_set("web", None, Some("REVIEW_IN_PROGRESS")),
            SetStep::Make { updates: false }
        );
        assert_eq!(on_replaced_set("web", None, Some("UPDATE_COMPLETE")), SetStep::Make { updates: true });
        assert!(matches!(on_replaced_set("web", None, Some("ROLLBACK_COMPLETE")), SetStep::Fail(_)));
    }

    #[test]
    fn only_an_available_set_is_executed() {
        let step = |it: Option<&ChangeSet>| on_executed_set("web", "next", it);
        assert!(matches!(step(None), SetStep::Fail(why) if why.starts_with("ChangeSetNotFound")));
        assert_eq!(step(Some(&set(false, "CREATE_COMPLETE", "AVAILABLE", ""))), SetStep::Execute);
        assert_eq!(step(Some(&set(false, "CREATE_COMPLETE", "EXECUTE_IN_PROGRESS", ""))), SetStep::Wait);
        assert!(matches!(step(Some(&set(false, "FAILED", "UNAVAILABLE", EMPTY))), SetStep::Done(_)));
        for execution in ["OBSOLETE", "EXECUTE_COMPLETE", "EXECUTE_FAILED", "UNAVAILABLE"] {
            assert!(matches!(step(Some(&set(false, "CREATE_COMPLETE", execution, ""))), SetStep::Fail(_)));
        }
    }
}
