//! What an `ECS` action may say.

use penstock_model::pipeline::Action;

use super::shape::{Shape, is_open};

/// Minutes that a deployment may take: the default and the most.
pub const TIMEOUT: u32 = 60;

/// Why `action` cannot be performed, with the way out.
pub(super) fn refuse(action: &Action) -> Option<String> {
    let refused = Shape::listed("ECS").and_then(|shape| shape.refuse(action));
    refused.or_else(|| {
        let minutes = action.configuration.get("DeploymentTimeout").filter(|value| !is_open(value))?;
        timeout(Some(minutes)).err()
    })
}

/// Minutes that a deployment may take.
///
/// # Errors
/// What is wrong and what to write instead.
pub fn timeout(setting: Option<&str>) -> Result<u32, String> {
    let Some(text) = setting else {
        return Ok(TIMEOUT);
    };
    text.trim()
        .parse()
        .ok()
        .filter(|minutes| (1..=TIMEOUT).contains(minutes))
        .ok_or_else(|| format!("`DeploymentTimeout` is `{text}`; it takes whole minutes from 1 to {TIMEOUT}"))
}

#[cfg(test)]
mod tests {
    use penstock_model::pipeline::Category;
    use penstock_testkit::build::{action, name};

    use super::*;

    #[test]
    fn a_timeout_that_is_no_number_of_minutes_is_refused() {
        let with = |minutes: &str| {
            let it =
                action(&name::<penstock_model::id::ActionName>("Go").to_string(), Category::Deploy, "ECS");
            let it = it.consumes("App").set("ClusterName", "c").set("ServiceName", "s");
            refuse(&it.set("DeploymentTimeout", minutes).build())
        };
        assert_eq!(with("15"), None);
        assert_eq!(with("#{variables.minutes}"), None);
        assert!(with("0").is_some() && with("61").is_some() && with("x").is_some());
    }
}
