//! What only the table tells: commands that were put aside, claims that ended without a successor.

use penstock_app::port::claims::{Claims, Standing};
use penstock_app::port::store::Store;
use penstock_aws::store::TableStore;
use penstock_model::id::AttemptId;

use super::{Finding, port};
use crate::aws::installation::Installation;
use crate::aws::letter;
use crate::show::duration::{elapsed, moment, now};

/// How many commands that were put aside are told.
const TOLD: usize = 20;
/// How long after a claim's end somebody else should have taken it over, in milliseconds: the sweeper comes by every
/// minute, and what is owed is sent again after at most a quarter of an hour.
const GRACE: i64 = 20 * 60 * 1000;

/// The state of `installation`.
pub(super) fn store(installation: &Installation) -> anyhow::Result<TableStore> {
    Ok(TableStore::new(&installation.sdk, installation.output("TableName")?))
}

/// The pipelines whose items cannot be read.
pub(super) async fn unreadable(installation: &Installation) -> anyhow::Result<Vec<Finding>> {
    let found = store(installation)?.pipelines().await.map_err(port)?;
    let told = found.unreadable.into_iter().map(|it| {
        let message =
            format!("nothing is decided about {}, and what is pushed to it waits: {}", it.name, it.error);
        let way_out = if it.error.retryable {
            "sam build && sam deploy, from the newer release"
        } else {
            "aws dynamodb restore-table-to-point-in-time, into another table, and put the item back"
        };
        Finding::attention("unreadable", &message, way_out)
    });
    Ok(told.collect())
}

/// The commands that could not be decided.
pub(super) async fn quarantined(installation: &Installation) -> anyhow::Result<Vec<Finding>> {
    let found = store(installation)?.quarantined(TOLD).await.map_err(port)?;
    let told = found.into_iter().map(|it| {
        let what = letter::about(&it.what);
        let message = format!("put aside at {}: {what}: {}", moment(it.at), it.reason);
        Finding::attention(
            "quarantine",
            &message,
            "ask for the same again by hand (penstock start, retry); report the reason as an error of Penstock",
        )
    });
    Ok(told.collect())
}

/// What is wrong with the claim of an attempt that is under way.
pub(super) async fn claim(
    store: &TableStore,
    stack: &str,
    attempt: &AttemptId,
) -> anyhow::Result<Option<Finding>> {
    let standing = store.look(attempt).await.map_err(port)?;
    let Standing::Claimed { until } = standing else { return Ok(None) };
    if until.0 + GRACE > now().0 {
        return Ok(None);
    }
    let message = format!(
        "{attempt}: its worker's claim ended {} ago and nobody took the work over; a message was lost or lies dead",
        elapsed(until, None)
    );
    Ok(Some(Finding::attention("claim", &message, format!("penstock redrive --stack {stack}"))))
}
