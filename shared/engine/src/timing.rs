//! How long things may take and how often they are repeated.

use std::time::Duration;

use penstock_model::pipeline::{Action, Category, Owner};

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// How long a stage is kept for cancelled work whose end is not known.
pub const GRACE: Duration = Duration::from_secs(10 * MINUTE);

/// The pause before the repetition that follows `repeated` earlier ones: 1, 2, 4, 8, then 15 minutes each.
pub fn pause(repeated: u32) -> Duration {
    Duration::from_secs(MINUTE * (1 << repeated.min(4)).min(15))
}

/// How long an attempt of `action` may take from its scheduling on, or wait for a verdict (`CodePipeline` user
/// guide, "Quotas": action timeouts; the build service's own for `CodeBuild`).
pub fn time_limit(action: &Action) -> Duration {
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
}
