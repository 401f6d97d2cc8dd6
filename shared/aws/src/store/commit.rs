//! One transaction a transition, and what to make of one that was refused.

use std::time::Duration;

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use penstock_app::port::PortError;
use penstock_app::port::store::{Change, Commit, CommitError, ItemState};
use penstock_model::id::ExecutionId;

use super::TableStore;
use super::encode::{VERSION, WRITER, read_command};
use super::item::{Attributes, Stored};
use super::key::Key;
use super::writes::{Place, Places, Write, compose, key_at, token};
use crate::error::port_error;

/// How often a transaction is sent: it may have guessed wrong where executions are, or have met another one.
const ROUNDS: u32 = 4;
/// How long another transaction on the same items is left to finish.
const AFTER_OTHERS: Duration = Duration::from_millis(20);

/// What became of a transaction.
enum Sent {
    Landed,
    /// Another transaction holds one of the items.
    Busy,
    /// A condition does not hold.
    Refused,
}

/// What stands there after a refusal.
enum Found {
    /// This very commit has landed before.
    Landed,
    /// The executions are at these places, in the versions that the commit expects.
    At(Places),
}

impl TableStore {
    pub(super) async fn write(&self, commit: &Commit) -> Result<(), CommitError> {
        let mut places = Places::new();
        for round in 0..ROUNDS {
            let writes = compose(commit, &places)?;
            if writes.is_empty() {
                return Ok(());
            }
            match self.send(commit, writes).await? {
                Sent::Landed => return Ok(()),
                Sent::Busy => tokio::time::sleep(AFTER_OTHERS * (round + 1)).await,
                Sent::Refused => match self.look(commit).await? {
                    Found::Landed => return Ok(()),
                    Found::At(found) if found != places => places = found,
                    Found::At(_) => return Err(CommitError::Conflict),
                },
            }
        }
        // Loading again shows what the others have made of it.
        Err(CommitError::Conflict)
    }

    async fn send(&self, commit: &Commit, writes: Vec<Write>) -> Result<Sent, PortError> {
        let what = format!("commit {} to `{}`", commit.command, commit.pipeline);
        let token = token(&self.table.name, &writes);
        let items: Result<Vec<_>, _> =
            writes.into_iter().map(|write| write.into_item(&self.table.name)).collect();
        let items = items.map_err(|error| PortError::permanent(format!("{what}: {error}")))?;
        let sent = self.table.client.transact_write_items().client_request_token(token);
        match sent.set_transact_items(Some(items)).send().await {
            Ok(_) => Ok(Sent::Landed),
            Err(error) => judge(&what, &error),
        }
    }

    /// Reads what stands there, after a refusal.
    async fn look(&self, commit: &Commit) -> Result<Found, PortError> {
        let record = commit.changes.iter().find_map(|change| record_key(commit, change));
        let places = executions(commit)
            .flat_map(|id| [Place::Open, Place::Closed].map(|place| key_at(place, &commit.pipeline, id)));
        let keys = places.chain(record.clone()).chain([Key::pipeline(&commit.pipeline)]);
        let what = format!("look what became of {} on `{}`", commit.command, commit.pipeline);
        let items = self.table.get_all(&what, keys).await?;
        if has_landed(commit, record.as_ref(), &items)? {
            return Ok(Found::Landed);
        }
        let mut found = Places::new();
        for id in executions(commit) {
            let closed = stands(&items, &Key::closed(id))?;
            if closed.is_some_and(|(version, _)| Some(version) == expected(commit, id)) {
                found.insert(id.clone(), Place::Closed);
            }
        }
        Ok(Found::At(found))
    }
}

fn judge(what: &str, error: &SdkError<TransactWriteItemsError>) -> Result<Sent, PortError> {
    let Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) = error.as_service_error()
    else {
        return Err(port_error(what, error));
    };
    let reasons = cancelled.cancellation_reasons();
    let has = |code: &str| reasons.iter().any(|reason| reason.code() == Some(code));
    if has("ConditionalCheckFailed") {
        return Ok(Sent::Refused);
    }
    if has("TransactionConflict") {
        return Ok(Sent::Busy);
    }
    let codes: Vec<String> = reasons
        .iter()
        .filter(|reason| reason.code().is_some_and(|code| code != "None"))
        .map(|reason| {
            format!("{} {}", reason.code().unwrap_or_default(), reason.message().unwrap_or_default())
        })
        .collect();
    let message = format!("{what}: the transaction was cancelled: {}", codes.join(", "));
    let passes = has("ThrottlingError") || has("ProvisionedThroughputExceeded") || codes.is_empty();
    Err(if passes { PortError::transient(message) } else { PortError::permanent(message) })
}

/// A record says for good which command made an item's version; without one the items themselves say it for as long as
/// nobody changes them again.
fn has_landed(commit: &Commit, record: Option<&Key>, items: &[Attributes]) -> Result<bool, PortError> {
    if let Some(key) = record {
        let found = items.iter().map(Stored::new).find(|stored| is_at(stored, key)).transpose()?;
        return found.map_or(Ok(false), |stored| Ok(read_command(stored)? == commit.command));
    }
    for change in &commit.changes {
        let mut ours = false;
        for key in keys_of(commit, change) {
            let stands = stands(items, &key)?;
            ours |= stands == Some((change.expected + 1, commit.command.as_str()));
        }
        if !ours {
            return Ok(false);
        }
    }
    Ok(!commit.changes.is_empty())
}

/// The version and the writer of the item at `key`.
fn stands<'a>(items: &'a [Attributes], key: &Key) -> Result<Option<(u64, &'a str)>, PortError> {
    let found = items.iter().map(Stored::new).find(|stored| is_at(stored, key)).transpose()?;
    found.map(|stored| Ok((stored.number(VERSION)?, stored.text(WRITER)?))).transpose()
}

fn is_at(stored: &Result<Stored<'_>, PortError>, key: &Key) -> bool {
    stored.as_ref().is_ok_and(|stored| stored.pk() == key.pk && stored.sk() == key.sk)
}

fn keys_of(commit: &Commit, change: &Change) -> Vec<Key> {
    match &change.item {
        ItemState::Pipeline(_) => vec![Key::pipeline(&commit.pipeline)],
        ItemState::Execution { execution, .. } => {
            vec![Key::open(&commit.pipeline, &execution.id), Key::closed(&execution.id)]
        }
    }
}

/// The record that the change writes, if it writes one.
fn record_key(commit: &Commit, change: &Change) -> Option<Key> {
    let execution = match &change.item {
        ItemState::Pipeline(_) => None,
        ItemState::Execution { execution, .. } => Some(&execution.id),
    };
    let is_written = !change.events.is_empty() || (execution.is_some() && change.expected == 0);
    is_written.then(|| Key::record(&commit.pipeline, execution, change.expected + 1))
}

/// The executions that exist if the commit is right.
fn executions(commit: &Commit) -> impl Iterator<Item = &ExecutionId> {
    commit.changes.iter().filter_map(|change| match &change.item {
        ItemState::Execution { execution, .. } if change.expected > 0 => Some(&execution.id),
        ItemState::Execution { .. } | ItemState::Pipeline(_) => None,
    })
}

/// The version in which the commit expects the execution.
fn expected(commit: &Commit, id: &ExecutionId) -> Option<u64> {
    let is_its =
        |item: &ItemState| matches!(item, ItemState::Execution { execution, .. } if execution.id == *id);
    commit.changes.iter().find(|change| is_its(&change.item)).map(|change| change.expected)
}
