//! Under which name and with which external id an action's role is assumed.

use penstock_model::id::PipelineName;
use sha2::{Digest, Sha256};

/// The longest name of a session (STS API reference, `AssumeRole`).
const MAX_SESSION: usize = 64;
/// What begins the name of a session.
const SESSION: &str = "penstock-";

/// `penstock-PIPELINE`. A longer one is cut and ends in `=` and a digest: no other pipeline, not one whose name was
/// chosen for it, has the same, as the names of pipelines hold no `=`.
pub fn session_name(pipeline: &PipelineName) -> String {
    let whole = format!("{SESSION}{pipeline}");
    if whole.len() <= MAX_SESSION {
        return whole;
    }
    let digest = hex::encode(Sha256::digest(pipeline.as_str()));
    // Names of pipelines are ASCII.
    let kept: String = whole.chars().take(MAX_SESSION - 17).collect();
    format!("{kept}={}", &digest[..16])
}

/// `INSTALLATION/PIPELINE`: with this external id a role is asked for in the name of `pipeline`, so that its owner can say
/// which pipelines may use it. Names of pipelines hold nothing that STS does not take there, and no `/`.
pub fn external_id(installation: &str, pipeline: &PipelineName) -> String {
    format!("{installation}/{pipeline}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_external_id_carries_the_pipeline() {
        assert_eq!(external_id("a-1", &PipelineName::new("we.b@prod-1_x").unwrap()), "a-1/we.b@prod-1_x");
    }

    fn of(name: &str) -> String {
        session_name(&PipelineName::new(name).unwrap())
    }

    #[test]
    fn a_session_carries_the_pipeline() {
        assert_eq!(of("web"), "penstock-web");
        assert_eq!(of("we.b@prod-1_x"), "penstock-we.b@prod-1_x");
    }

    #[test]
    fn sessions_of_long_names_are_valid_and_differ() {
        let (one, other) = (of(&format!("{}1", "x".repeat(99))), of(&format!("{}2", "x".repeat(99))));
        assert_ne!(one, other);
        assert_eq!(of(&"x".repeat(55)), format!("penstock-{}", "x".repeat(55)));
        for session in [one, other, of(&"x".repeat(56))] {
            assert_eq!((session.len(), session.matches('=').count()), (MAX_SESSION, 1), "{session}");
            assert!(session.chars().all(|c| c.is_ascii_alphanumeric() || "_=,.@-".contains(c)), "{session}");
        }
    }
}
