//! Claims in memory.

use std::collections::BTreeMap;
use std::sync::Mutex;

use async_trait::async_trait;
use penstock_app::port::PortError;
use penstock_app::port::claims::{Claim, Claims, Standing};
use penstock_engine::state::External;
use penstock_model::id::AttemptId;
use penstock_model::time::Timestamp;

use super::locked;

/// Claims in memory.
#[derive(Debug, Default)]
pub struct MemoryClaims(Mutex<BTreeMap<AttemptId, Standing>>);

#[async_trait]
impl Claims for MemoryClaims {
    async fn claim(&self, attempt: &AttemptId, now: Timestamp, until: Timestamp) -> Result<Claim, PortError> {
        let mut claims = locked(&self.0);
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
        let mut claims = locked(&self.0);
        let is_held = claims.get(attempt) == Some(&Standing::Claimed { until: held });
        if is_held {
            claims.insert(attempt.clone(), Standing::Claimed { until });
        }
        Ok(is_held)
    }

    async fn started(&self, attempt: &AttemptId, external: &External) -> Result<(), PortError> {
        locked(&self.0).insert(attempt.clone(), Standing::Started { external: external.clone() });
        Ok(())
    }

    async fn cancel(&self, attempt: &AttemptId, _now: Timestamp) -> Result<Claim, PortError> {
        let mut claims = locked(&self.0);
        Ok(match claims.get(attempt) {
            None | Some(Standing::Free) => {
                claims.insert(attempt.clone(), Standing::Cancelled);
                Claim::Taken
            }
            Some(Standing::Claimed { until }) => Claim::Held { until: *until },
            Some(Standing::Started { external }) => Claim::Started { external: external.clone() },
            Some(Standing::Cancelled) => Claim::Cancelled,
        })
    }

    async fn look(&self, attempt: &AttemptId) -> Result<Standing, PortError> {
        Ok(locked(&self.0).get(attempt).cloned().unwrap_or(Standing::Free))
    }
}
