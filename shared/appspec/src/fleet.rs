//! Minimum healthy hosts: which instances begin when, and what the deployment as a whole has become. Pure.

use std::str::FromStr;

use thiserror::Error;

/// How many instances must stay healthy during a deployment (AWS `CodeDeploy` user guide, deployment configurations).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MinimumHealthy {
    /// One after the other; only the last may fail.
    #[default]
    OneAtATime,
    /// Up to half of them at a time; half must succeed, rounded up.
    HalfAtATime,
    /// All at once; one must succeed.
    AllAtOnce,
    /// `HOST_COUNT`: so many.
    HostCount(u32),
    /// `FLEET_PERCENT`: so many per cent, rounded up.
    FleetPercent(u8),
}

/// The text names no deployment configuration that is known here.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "there is no deployment configuration `{0}`; use CodeDeployDefault.OneAtATime, .HalfAtATime or .AllAtOnce, \
     HOST_COUNT=N or FLEET_PERCENT=N"
)]
pub struct UnknownConfiguration(String);

impl FromStr for MinimumHealthy {
    type Err = UnknownConfiguration;

    /// Reads `CodeDeployDefault.OneAtATime` (the prefix may be missing), `HOST_COUNT=2`, `FLEET_PERCENT=75`.
    fn from_str(text: &str) -> Result<Self, UnknownConfiguration> {
        let unknown = || UnknownConfiguration(text.chars().take(100).collect());
        match text.strip_prefix("CodeDeployDefault.").unwrap_or(text) {
            "OneAtATime" => Ok(Self::OneAtATime),
            "HalfAtATime" => Ok(Self::HalfAtATime),
            "AllAtOnce" => Ok(Self::AllAtOnce),
            other => match other.split_once('=') {
                Some(("HOST_COUNT", count)) => {
                    count.trim().parse().map(Self::HostCount).map_err(|_| unknown())
                }
                Some(("FLEET_PERCENT", share)) => match share.trim().parse() {
                    Ok(share @ 0..=100) => Ok(Self::FleetPercent(share)),
                    _ => Err(unknown()),
                },
                _ => Err(unknown()),
            },
        }
    }
}

impl MinimumHealthy {
    /// The number for `instances` instances, fixed when a deployment starts.
    pub fn hosts(self, instances: usize) -> usize {
        match self {
            Self::OneAtATime => instances.saturating_sub(1),
            Self::HalfAtATime => instances.div_ceil(2).min(instances.saturating_sub(1)),
            Self::AllAtOnce => 0,
            Self::HostCount(count) => usize::try_from(count).unwrap_or(usize::MAX),
            Self::FleetPercent(share) => (instances * usize::from(share)).div_ceil(100),
        }
    }
}

/// Where an instance stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    Waiting,
    Running,
    Succeeded,
    Failed,
}

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Next {
    /// Begin these, or, if there are none, wait for one that runs.
    Begin(Vec<usize>),
    /// All has been done, and enough instances succeeded.
    Succeeded,
    /// Too few healthy instances are left, or none succeeded.
    Failed,
}

/// Plans from where the instances stand; `minimum` is [`MinimumHealthy::hosts`].
///
/// As many run at once as may fail without falling below the minimum. When healthy instances fall to the minimum
/// nobody else begins, which is a failure unless nobody is left: hence only the last may fail with `OneAtATime`.
pub(crate) fn next(instances: &[Standing], minimum: usize) -> Next {
    let count = |standing| instances.iter().filter(|other| **other == standing).count();
    let (running, succeeded, failed) =
        (count(Standing::Running), count(Standing::Succeeded), count(Standing::Failed));
    let room = (instances.len() - failed - running).saturating_sub(minimum);
    let waiting = instances.iter().enumerate().filter(|(_, standing)| **standing == Standing::Waiting);
    let begin: Vec<usize> = waiting.map(|(index, _)| index).take(room).collect();
    if running > 0 || !begin.is_empty() {
        return Next::Begin(begin);
    }
    if count(Standing::Waiting) == 0 && succeeded > 0 { Next::Succeeded } else { Next::Failed }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Deploys to as many instances as there are `verdicts`; what each did, and the largest number at a time.
    fn play(config: MinimumHealthy, verdicts: &[bool]) -> (bool, Vec<Standing>, usize) {
        let minimum = config.hosts(verdicts.len());
        let mut instances = vec![Standing::Waiting; verdicts.len()];
        let mut most = 0;
        loop {
            match next(&instances, minimum) {
                Next::Begin(begin) => {
                    begin.into_iter().for_each(|index| instances[index] = Standing::Running);
                }
                Next::Succeeded => return (true, instances, most),
                Next::Failed => return (false, instances, most),
            }
            let running = instances.iter().filter(|standing| **standing == Standing::Running).count();
            most = most.max(running);
            let first = instances.iter().position(|standing| *standing == Standing::Running).unwrap();
            instances[first] = if verdicts[first] { Standing::Succeeded } else { Standing::Failed };
        }
    }

    #[test]
    fn one_at_a_time_lets_only_the_last_fail() {
        assert!(play(MinimumHealthy::OneAtATime, &[true, true, false]).0);
        let (succeeded, instances, most) = play(MinimumHealthy::OneAtATime, &[true, false, true]);
        assert_eq!((succeeded, instances[2], most), (false, Standing::Waiting, 1));
        assert!(!play(MinimumHealthy::OneAtATime, &[false]).0);
        assert!(play(MinimumHealthy::OneAtATime, &[true]).0);
    }

    #[test]
    fn half_at_a_time_needs_half() {
        let (succeeded, instances, most) = play(MinimumHealthy::HalfAtATime, &[true, true, false, false]);
        assert_eq!((succeeded, most), (true, 2));
        assert!(!instances.contains(&Standing::Waiting));
        assert!(!play(MinimumHealthy::HalfAtATime, &[false, false, true, true]).0);
        assert_eq!(play(MinimumHealthy::HalfAtATime, &[true; 5]).2, 2);
        assert!(play(MinimumHealthy::HalfAtATime, &[true]).0);
    }

    #[test]
    fn all_at_once_needs_one() {
        let (succeeded, _, most) = play(MinimumHealthy::AllAtOnce, &[false, false, true]);
        assert_eq!((succeeded, most), (true, 3));
        assert!(!play(MinimumHealthy::AllAtOnce, &[false, false]).0);
    }

    #[test]
    fn counts_and_shares_are_those_of_the_guide() {
        assert_eq!(play(MinimumHealthy::HostCount(6), &[true; 9]).2, 3);
        assert_eq!(MinimumHealthy::FleetPercent(40).hosts(9), 4);
        assert_eq!(play(MinimumHealthy::FleetPercent(40), &[true; 9]).2, 5);
        let (succeeded, instances, _) = play(MinimumHealthy::HostCount(3), &[true; 3]);
        assert_eq!((succeeded, instances[0]), (false, Standing::Waiting));
    }

    #[test]
    fn configurations_are_read_by_name() {
        assert_eq!("CodeDeployDefault.HalfAtATime".parse(), Ok(MinimumHealthy::HalfAtATime));
        assert_eq!("HOST_COUNT=2".parse(), Ok(MinimumHealthy::HostCount(2)));
        assert_eq!("FLEET_PERCENT=75".parse(), Ok(MinimumHealthy::FleetPercent(75)));
        assert!("FLEET_PERCENT=101".parse::<MinimumHealthy>().is_err());
        assert!("CodeDeployDefault.Whenever".parse::<MinimumHealthy>().is_err());
    }

    proptest! {
        #[test]
        fn the_minimum_is_never_undercut(
            verdicts in proptest::collection::vec(any::<bool>(), 1..12),
            config in prop_oneof![
                Just(MinimumHealthy::OneAtATime), Just(MinimumHealthy::HalfAtATime), Just(MinimumHealthy::AllAtOnce),
                (0_u32..12).prop_map(MinimumHealthy::HostCount), (0_u8..=100).prop_map(MinimumHealthy::FleetPercent),
            ],
        ) {
            let (succeeded, instances, most) = play(config, &verdicts);
            let minimum = config.hosts(verdicts.len());
            let failed = instances.iter().filter(|standing| **standing == Standing::Failed).count();
            if minimum < verdicts.len() {
                prop_assert!(verdicts.len() - failed >= minimum);
                prop_assert!(most <= verdicts.len() - minimum);
            }
            if succeeded {
                prop_assert!(instances.contains(&Standing::Succeeded) && !instances.contains(&Standing::Waiting));
            }
        }
    }
}
