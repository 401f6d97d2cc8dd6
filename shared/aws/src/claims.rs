//! Who works on an attempt: conditional writes on the attempt's own item.
//!
//! Each write carries a nonce. When its condition does not hold, the item comes back with the refusal: with our nonce
//! on it, it was an earlier sending of this very write that landed and whose acknowledgement got lost.

mod cursor;
mod revision;

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure};
use futures_util::future::try_join;
use penstock_app::engine::state::{External, SCHEMA};
use penstock_app::port::PortError;
use penstock_app::port::claims::{Claim, Claims, Recorded, Standing};
use penstock_model::id::AttemptId;
use penstock_model::time::Timestamp;

use crate::error::port_error;
use crate::store::TableStore;
use crate::store::expiry::expires_at;
use crate::store::item::{Attributes, Stored};
use crate::store::key::Key;
use crate::store::schema::{EXPIRES_AT, KEPT};

const STATUS: &str = "status";
const UNTIL: &str = "until";
const NONCE: &str = "nonce";
const TIMES: &str = "times";
const EXTERNAL_ID: &str = "external_id";
const EXTERNAL_URL: &str = "external_url";
const CLAIMED: &str = "claimed";
const STARTED: &str = "started";
const CANCELLED: &str = "cancelled";
/// On a start that was recorded after the attempt was cancelled.
const LATE: &str = "late";

/// What a conditional write led to.
enum Written {
    /// It landed; the item as it is now.
    Ours(Attributes),
    /// Its condition does not hold; what stands there.
    Refused(Attributes),
}

impl TableStore {
    /// An update of the attempt's claim that leaves `nonce` on it.
    fn claim_update(&self, attempt: &AttemptId, set: &str, nonce: &str) -> UpdateItemFluentBuilder {
        self.table
            .client
            .update_item()
            .table_name(&*self.table.name)
            .set_key(Some(Key::claim(attempt).into_attributes()))
            .update_expression(format!("SET #schema = :schema, #nonce = :nonce, {set}"))
            .expression_attribute_names("#schema", "schema")
            .expression_attribute_names("#nonce", NONCE)
            .expression_attribute_values(":schema", number(SCHEMA.into()))
            .expression_attribute_values(":nonce", AttributeValue::S(nonce.to_owned()))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
    }

    /// Writes that the provider has the attempt, if `condition` holds.
    async fn record(
        &self,
        attempt: &AttemptId,
        external: &External,
        condition: &str,
        late: bool,
    ) -> Result<Written, PortError> {
        let text = |text: &str| AttributeValue::S(text.to_owned());
        let url = external.url.as_deref().map_or("", |_| ", #url = :url");
        let set = format!("#status = :started, #id = :id{url}{}", if late { ", #late = :late" } else { "" });
        let nonce = nonce();
        let mut update = self
            .claim_update(attempt, &set, &nonce)
            .condition_expression(condition)
            .expression_attribute_names("#status", STATUS)
            .expression_attribute_names("#id", EXTERNAL_ID)
            .expression_attribute_names("#late", LATE)
            .expression_attribute_values(":started", text(STARTED))
            .expression_attribute_values(":id", text(&external.id));
        update = if late {
            let update = update.expression_attribute_values(":cancelled", text(CANCELLED));
            update.expression_attribute_values(":late", AttributeValue::Bool(true))
        } else {
            update.expression_attribute_values(":claimed", text(CLAIMED))
        };
        if let Some(url) = &external.url {
            update = update
                .expression_attribute_names("#url", EXTERNAL_URL)
                .expression_attribute_values(":url", text(url));
        }
        written(&format!("record the start of {attempt}"), &nonce, update).await
    }
}

#[async_trait]
impl Claims for TableStore {
    async fn claim(&self, attempt: &AttemptId, now: Timestamp, until: Timestamp) -> Result<Claim, PortError> {
        let what = format!("claim {attempt}");
        let nonce = nonce();
        let set = "#status = :claimed, #until = :until, #expires = :expires, #times = if_not_exists(#times, :none) + :one";
        let update = self
            .claim_update(attempt, set, &nonce)
            .condition_expression("attribute_not_exists(#status) OR (#status = :claimed AND #until <= :now)")
            .expression_attribute_names("#status", STATUS)
            .expression_attribute_names("#until", UNTIL)
            .expression_attribute_names("#times", TIMES)
            .expression_attribute_names("#expires", EXPIRES_AT)
            .expression_attribute_values(":claimed", AttributeValue::S(CLAIMED.to_owned()))
            .expression_attribute_values(":until", number(until.0))
            .expression_attribute_values(":now", number(now.0))
            .expression_attribute_values(":expires", number(expires_at(until, KEPT)))
            .expression_attribute_values(":none", number(0))
            .expression_attribute_values(":one", number(1));
        match written(&what, &nonce, update).await? {
            Written::Ours(item) => {
                let times: u64 = Stored::new(&item)?.number(TIMES)?;
                Ok(if times == 1 { Claim::Taken } else { Claim::TakenOver })
            }
            Written::Refused(item) => standing(&item).map(held),
        }
    }

    async fn renew(&self, attempt: &AttemptId, held: Timestamp, until: Timestamp) -> Result<bool, PortError> {
        let what = format!("renew the claim on {attempt}");
        let nonce = nonce();
        let update = self
            .claim_update(attempt, "#until = :until, #expires = :expires", &nonce)
            .condition_expression("#status = :claimed AND #until = :held")
            .expression_attribute_names("#status", STATUS)
            .expression_attribute_names("#until", UNTIL)
            .expression_attribute_names("#expires", EXPIRES_AT)
            .expression_attribute_values(":claimed", AttributeValue::S(CLAIMED.to_owned()))
            .expression_attribute_values(":until", number(until.0))
            .expression_attribute_values(":held", number(held.0))
            .expression_attribute_values(":expires", number(expires_at(until, KEPT)));
        Ok(matches!(written(&what, &nonce, update).await?, Written::Ours(_)))
    }

    async fn started(&self, attempt: &AttemptId, external: &External) -> Result<Recorded, PortError> {
        let recorded = async {
            let in_time = "attribute_not_exists(#status) OR #status = :claimed OR (#status = :started AND #id = :id AND attribute_not_exists(#late))";
            let found = match self.record(attempt, external, in_time, false).await? {
                Written::Ours(_) => return Ok(Recorded::Counts),
                Written::Refused(found) => found,
            };
            if standing(&found)? != Standing::Cancelled {
                return recorded_before(&found, external);
            }
            match self.record(attempt, external, "#status = :cancelled", true).await? {
                Written::Ours(_) => Ok(Recorded::Cancelled),
                Written::Refused(found) => recorded_before(&found, external),
            }
        };
        // What does not count can be found by its id too, until it is ended.
        let (recorded, ()) = try_join(recorded, self.remember(attempt, &external.id)).await?;
        Ok(recorded)
    }

    async fn cancel(&self, attempt: &AttemptId, now: Timestamp) -> Result<Claim, PortError> {
        let what = format!("cancel {attempt}");
        let nonce = nonce();
        let update = self
            .claim_update(attempt, "#status = :cancelled, #expires = :expires", &nonce)
            .condition_expression("attribute_not_exists(#status) OR (#status = :claimed AND #until <= :now)")
            .expression_attribute_names("#status", STATUS)
            .expression_attribute_names("#until", UNTIL)
            .expression_attribute_names("#expires", EXPIRES_AT)
            .expression_attribute_values(":claimed", AttributeValue::S(CLAIMED.to_owned()))
            .expression_attribute_values(":now", number(now.0))
            .expression_attribute_values(":cancelled", AttributeValue::S(CANCELLED.to_owned()))
            .expression_attribute_values(":expires", number(expires_at(now, KEPT)));
        match written(&what, &nonce, update).await? {
            Written::Ours(item) => Ok(if was_claimed(&item) { Claim::TakenOver } else { Claim::Taken }),
            Written::Refused(item) => {
                let found = held(standing(&item)?);
                let begun = found == Claim::Cancelled && was_claimed(&item);
                Ok(if begun { Claim::TakenOver } else { found })
            }
        }
    }

    async fn look(&self, attempt: &AttemptId) -> Result<Standing, PortError> {
        let item = self.table.get(&format!("look at the claim on {attempt}"), Key::claim(attempt)).await?;
        item.map_or(Ok(Standing::Free), |item| standing(&item))
    }
}

async fn written(what: &str, nonce: &str, update: UpdateItemFluentBuilder) -> Result<Written, PortError> {
    match update.send().await {
        Ok(output) => Ok(Written::Ours(output.attributes.unwrap_or_default())),
        Err(error) => {
            let Some(item) = refused(&error) else {
                return Err(port_error(what, &error));
            };
            let is_ours = item.get(NONCE).and_then(|value| value.as_s().ok()).is_some_and(|it| it == nonce);
            Ok(if is_ours { Written::Ours(item) } else { Written::Refused(item) })
        }
    }
}

/// What stands there, if the condition did not hold. An item that is not there is one of no attributes.
fn refused(error: &SdkError<UpdateItemError>) -> Option<Attributes> {
    match error.as_service_error() {
        Some(UpdateItemError::ConditionalCheckFailedException(failed)) => {
            Some(failed.item.clone().unwrap_or_default())
        }
        _ => None,
    }
}

fn standing(item: &Attributes) -> Result<Standing, PortError> {
    let stored = Stored::new(item)?;
    Ok(match stored.text(STATUS)? {
        CLAIMED => Standing::Claimed { until: Timestamp(stored.number(UNTIL)?) },
        STARTED => Standing::Started {
            external: External {
                id: stored.text(EXTERNAL_ID)?.to_owned(),
                url: stored.find(EXTERNAL_URL).map(str::to_owned),
            },
        },
        CANCELLED => Standing::Cancelled,
        other => return Err(stored.damaged(&format!("`{other}` is no status of a claim"))),
    })
}

/// What to say of `external` where a start stands already.
fn recorded_before(found: &Attributes, external: &External) -> Result<Recorded, PortError> {
    match standing(found)? {
        Standing::Started { external: first } if first.id != external.id => {
            Ok(Recorded::Other { external: first })
        }
        Standing::Started { .. } | Standing::Cancelled if found.contains_key(LATE) => Ok(Recorded::Cancelled),
        // It was removed meanwhile, by TTL, or changes while it is looked at.
        Standing::Started { .. } | Standing::Cancelled | Standing::Free | Standing::Claimed { .. } => {
            Err(PortError::transient("record a start: the claim changes without a pause; try again"))
        }
    }
}

/// Whether anybody ever took it: then something may have begun, whatever stands there now.
fn was_claimed(item: &Attributes) -> bool {
    item.contains_key(TIMES)
}

/// What a claim that was not taken meets.
fn held(standing: Standing) -> Claim {
    match standing {
        Standing::Started { external } => Claim::Started { external },
        Standing::Cancelled => Claim::Cancelled,
        Standing::Claimed { until } => Claim::Held { until },
        // It is nobody's only if it was removed meanwhile, by TTL, long after the attempt.
        Standing::Free => Claim::Cancelled,
    }
}

fn number(value: i64) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

/// Another text each time, in each process: the standard library seeds its hashers from the system's randomness.
fn nonce() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let part = || RandomState::new().build_hasher().finish();
    format!("{:016x}{:016x}{:x}", part(), part(), COUNT.fetch_add(1, Ordering::Relaxed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nonces_differ() {
        assert_ne!(nonce(), nonce());
    }
}
