//! Claims in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use async_trait::async_trait;
use penstock_app::port::PortError;
use penstock_app::port::claims::{Claim, Claims, Recorded, Standing};
use penstock_engine::state::External;
use penstock_model::id::AttemptId;
use penstock_model::time::Timestamp;

use super::locked;

/// Claims in memory.
#[derive(Debug, Default)]
pub struct MemoryClaims(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    standings: BTreeMap<AttemptId, Standing>,
    /// Those that were cancelled after a claim on them expired.
    withdrawn: BTreeSet<AttemptId>,
    /// Those of which a start was recorded after they were cancelled.
    late: BTreeSet<AttemptId>,
}

#[async_trait]
impl Claims for MemoryClaims {
    async fn claim(&self, attempt: &AttemptId, now: Timestamp, until: Timestamp) -> Result<Claim, PortError> {
        let claims = &mut locked(&self.0).standings;
        let claim = match claims.get(attempt) {
            None | Some(Standing::Free) => Claim::Taken,
            Some(Standing::Claimed { until }) if *until <= now => Claim::TakenOver,
            Some(Standing::Claimed { until }) => Claim::Held { until: *until },
            Some(Standing::Started { external }) => Claim::Started { external: external.clone() },
            Some(Standing::Cancelled) => Claim::Cancelled,
        };
        if matches!(claim, Claim::Taken | Claim::TakenOver) {
            claims.insert(attempt.clone(), Standing::Claimed { until });
        }
        Ok(claim)
    }

    async fn renew(&self, attempt: &AttemptId, held: Timestamp, until: Timestamp) -> Result<bool, PortError> {
        let claims = &mut locked(&self.0).standings;
        let is_held = claims.get(attempt) == Some(&Standing::Claimed { until: held });
        if is_held {
            claims.insert(attempt.clone(), Standing::Claimed { until });
        }
        Ok(is_held)
    }

    async fn started(&self, attempt: &AttemptId, external: &External) -> Result<Recorded, PortError> {
        let Known { standings, late, withdrawn: _ } = &mut *locked(&self.0);
        match standings.get(attempt) {
            Some(Standing::Started { external: first }) if first.id != external.id => {
                return Ok(Recorded::Other { external: first.clone() });
            }
            Some(Standing::Cancelled) => drop(late.insert(attempt.clone())),
            None | Some(Standing::Free | Standing::Claimed { .. } | Standing::Started { .. }) => {}
        }
        standings.insert(attempt.clone(), Standing::Started { external: external.clone() });
        Ok(if late.contains(attempt) { Recorded::Cancelled } else { Recorded::Counts })
    }

    async fn cancel(&self, attempt: &AttemptId, now: Timestamp) -> Result<Claim, PortError> {
        let Known { standings, withdrawn, late: _ } = &mut *locked(&self.0);
        let claim = match standings.get(attempt) {
            None | Some(Standing::Free) => Claim::Taken,
            Some(Standing::Claimed { until }) if *until <= now => Claim::TakenOver,
            Some(Standing::Claimed { until }) => return Ok(Claim::Held { until: *until }),
            Some(Standing::Started { external }) => {
                return Ok(Claim::Started { external: external.clone() });
            }
            Some(Standing::Cancelled) if withdrawn.contains(attempt) => return Ok(Claim::TakenOver),
            Some(Standing::Cancelled) => return Ok(Claim::Cancelled),
        };
        if claim == Claim::TakenOver {
            withdrawn.insert(attempt.clone());
        }
        standings.insert(attempt.clone(), Standing::Cancelled);
        Ok(claim)
    }

    async fn look(&self, attempt: &AttemptId) -> Result<Standing, PortError> {
        Ok(locked(&self.0).standings.get(attempt).cloned().unwrap_or(Standing::Free))
    }
}
