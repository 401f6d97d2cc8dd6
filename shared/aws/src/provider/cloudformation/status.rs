//! What a stack's status means (`CloudFormation` user guide, "Stack status codes").

/// Whether an operation on the stack is under way. A stack in review only waits for a change set to be executed.
pub(super) fn is_under_way(status: &str) -> bool {
    status.ends_with("_IN_PROGRESS") && status != IN_REVIEW
}

/// Whether an operation has ended with `status`.
pub(super) fn is_end(status: &str) -> bool {
    status.ends_with("_COMPLETE") || status.ends_with("_FAILED")
}

/// Whether an operation that ended with `status` did what was asked.
pub(super) fn is_success(status: &str) -> bool {
    matches!(status, "CREATE_COMPLETE" | "UPDATE_COMPLETE" | "IMPORT_COMPLETE" | DELETED)
}

/// Whether `status` is the first of an operation.
pub(super) fn is_beginning(status: &str) -> bool {
    matches!(status, "CREATE_IN_PROGRESS" | "UPDATE_IN_PROGRESS" | DELETING | "IMPORT_IN_PROGRESS")
}

/// Whether `REPLACE_ON_FAILURE` deletes the stack and creates it anew.
pub(super) fn is_replaced(status: &str) -> bool {
    can_only_be_deleted(status) || status == "CREATE_FAILED"
}

/// Whether no update of the stack can succeed.
pub(super) fn can_only_be_deleted(status: &str) -> bool {
    matches!(status, "ROLLBACK_COMPLETE" | "ROLLBACK_FAILED" | DELETE_FAILED | "UPDATE_ROLLBACK_FAILED")
}

/// Only change sets exist of the stack, no resources.
pub(super) const IN_REVIEW: &str = "REVIEW_IN_PROGRESS";
/// It is being deleted.
pub(super) const DELETING: &str = "DELETE_IN_PROGRESS";
/// It could not be deleted.
pub(super) const DELETE_FAILED: &str = "DELETE_FAILED";
/// It is gone; its record can be read by its id only.
pub(super) const DELETED: &str = "DELETE_COMPLETE";
/// It is being updated, which can be cancelled.
pub(super) const UPDATING: &str = "UPDATE_IN_PROGRESS";

#[cfg(test)]
mod tests {
    use super::*;

    /// All of the API's `StackStatus`.
    const ALL: [&str; 23] = [
        "CREATE_IN_PROGRESS",
        "CREATE_FAILED",
        "CREATE_COMPLETE",
        "ROLLBACK_IN_PROGRESS",
        "ROLLBACK_FAILED",
        "ROLLBACK_COMPLETE",
        "DELETE_IN_PROGRESS",
        "DELETE_FAILED",
        "DELETE_COMPLETE",
        "UPDATE_IN_PROGRESS",
        "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS",
        "UPDATE_COMPLETE",
        "UPDATE_FAILED",
        "UPDATE_ROLLBACK_IN_PROGRESS",
        "UPDATE_ROLLBACK_FAILED",
        "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS",
        "UPDATE_ROLLBACK_COMPLETE",
        "REVIEW_IN_PROGRESS",
        "IMPORT_IN_PROGRESS",
        "IMPORT_COMPLETE",
        "IMPORT_ROLLBACK_IN_PROGRESS",
        "IMPORT_ROLLBACK_FAILED",
        "IMPORT_ROLLBACK_COMPLETE",
    ];

    #[test]
    fn each_status_is_under_way_or_an_end() {
        for status in ALL {
            assert_eq!(is_under_way(status) || status == IN_REVIEW, !is_end(status), "{status}");
        }
        let good: Vec<_> = ALL.into_iter().filter(|status| is_success(status)).collect();
        assert_eq!(good, ["CREATE_COMPLETE", "DELETE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE"]);
    }

    #[test]
    fn what_is_replaced_is_what_the_guide_names() {
        let replaced: Vec<_> = ALL.into_iter().filter(|status| is_replaced(status)).collect();
        assert_eq!(
            replaced,
            [
                "CREATE_FAILED",
                "ROLLBACK_FAILED",
                "ROLLBACK_COMPLETE",
                "DELETE_FAILED",
                "UPDATE_ROLLBACK_FAILED"
            ]
        );
    }
}
