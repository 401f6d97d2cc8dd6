//! The contract of [`Claims`].

use std::sync::Arc;

use penstock_app::port::claims::{Claim, Claims, Recorded, Standing};
use penstock_engine::state::External;
use penstock_model::time::Timestamp;

use super::attempt;

const fn at(seconds: i64) -> Timestamp {
    Timestamp(1_700_000_000_000 + seconds * 1000)
}

/// # Panics
/// If the adapter breaks the contract.
pub async fn claims_contract(make: impl AsyncFn() -> Arc<dyn Claims>) {
    one_takes_it(make().await).await;
    a_claim_is_renewed_by_its_holder(make().await).await;
    an_expired_claim_is_taken_over(make().await).await;
    an_expired_claim_is_cancelled_for_good(make().await).await;
    what_is_started_stays_started(make().await).await;
    the_first_start_counts(make().await).await;
    what_is_cancelled_is_never_taken(make().await).await;
    one_of_many_takes_it(make().await).await;
}

async fn one_takes_it(claims: Arc<dyn Claims>) {
    assert_eq!(claims.look(&attempt(1)).await.expect("look"), Standing::Free);
    assert_eq!(claims.claim(&attempt(1), at(0), at(60)).await.expect("claim"), Claim::Taken);
    assert_eq!(claims.claim(&attempt(1), at(1), at(61)).await.expect("claim"), Claim::Held { until: at(60) });
    assert_eq!(claims.look(&attempt(1)).await.expect("look"), Standing::Claimed { until: at(60) });
    assert_eq!(claims.claim(&attempt(2), at(1), at(61)).await.expect("claim another"), Claim::Taken);
    assert_eq!(claims.cancel(&attempt(1), at(1)).await.expect("cancel"), Claim::Held { until: at(60) });
}

async fn a_claim_is_renewed_by_its_holder(claims: Arc<dyn Claims>) {
    assert!(!claims.renew(&attempt(1), at(60), at(90)).await.expect("renew"), "nobody holds it");
    assert_eq!(claims.claim(&attempt(1), at(0), at(60)).await.expect("claim"), Claim::Taken);
    assert!(claims.renew(&attempt(1), at(60), at(90)).await.expect("renew"));
    assert_eq!(claims.look(&attempt(1)).await.expect("look"), Standing::Claimed { until: at(90) });
    assert!(!claims.renew(&attempt(1), at(60), at(99)).await.expect("renew"), "it is not held until then");
    assert_eq!(claims.claim(&attempt(1), at(90), at(150)).await.expect("claim"), Claim::TakenOver);
    assert!(!claims.renew(&attempt(1), at(90), at(120)).await.expect("renew"), "another has it");
}

async fn an_expired_claim_is_taken_over(claims: Arc<dyn Claims>) {
    assert_eq!(claims.claim(&attempt(1), at(0), at(60)).await.expect("claim"), Claim::Taken);
    assert_eq!(claims.claim(&attempt(1), at(60), at(120)).await.expect("claim"), Claim::TakenOver);
    assert_eq!(
        claims.claim(&attempt(1), at(61), at(121)).await.expect("claim"),
        Claim::Held { until: at(120) }
    );
}

/// Its worker may have begun before it died: whoever ends it has to look, and nobody else may take it meanwhile.
async fn an_expired_claim_is_cancelled_for_good(claims: Arc<dyn Claims>) {
    assert_eq!(claims.claim(&attempt(1), at(0), at(60)).await.expect("claim"), Claim::Taken);
    assert_eq!(claims.cancel(&attempt(1), at(59)).await.expect("cancel"), Claim::Held { until: at(60) });
    assert!(claims.renew(&attempt(1), at(60), at(90)).await.expect("renew"), "asking changed nothing");
    for again in 90..93 {
        let cancelled = claims.cancel(&attempt(1), at(again)).await.expect("cancel");
        assert_eq!(cancelled, Claim::TakenOver, "it is no free attempt, however often it is asked");
    }
    assert_eq!(claims.claim(&attempt(1), at(600), at(660)).await.expect("claim"), Claim::Cancelled);
    assert!(!claims.renew(&attempt(1), at(90), at(120)).await.expect("renew"), "it is held no more");
    assert_eq!(claims.look(&attempt(1)).await.expect("look"), Standing::Cancelled);
    // Its worker was not dead after all, and says what it began.
    let external = External { id: "build:1".to_owned(), url: None };
    for _ in 0..2 {
        let recorded = claims.started(&attempt(1), &external).await.expect("started");
        assert_eq!(recorded, Recorded::Cancelled, "whoever began it has to end it, however often it is told");
    }
    assert_eq!(claims.cancel(&attempt(1), at(601)).await.expect("cancel"), Claim::Started { external });
}

/// Two of whom each began something: the first that says so counts.
async fn the_first_start_counts(claims: Arc<dyn Claims>) {
    let [first, second] = ["build:1", "build:2"].map(|id| External { id: id.to_owned(), url: None });
    claims.claim(&attempt(1), at(0), at(60)).await.expect("claim");
    assert_eq!(claims.claim(&attempt(1), at(60), at(120)).await.expect("claim"), Claim::TakenOver);
    assert_eq!(claims.started(&attempt(1), &first).await.expect("started"), Recorded::Counts);
    let recorded = claims.started(&attempt(1), &second).await.expect("started");
    assert_eq!(recorded, Recorded::Other { external: first.clone() });
    assert_eq!(claims.started(&attempt(1), &first).await.expect("started again"), Recorded::Counts);
    assert_eq!(claims.look(&attempt(1)).await.expect("look"), Standing::Started { external: first });
}

async fn what_is_started_stays_started(claims: Arc<dyn Claims>) {
    let external = External { id: "build:1".to_owned(), url: Some("https://ci.example/1".to_owned()) };
    claims.claim(&attempt(1), at(0), at(60)).await.expect("claim");
    claims.started(&attempt(1), &external).await.expect("started");
    claims.started(&attempt(1), &external).await.expect("started again");
    let started = Claim::Started { external: external.clone() };
    assert_eq!(claims.claim(&attempt(1), at(600), at(660)).await.expect("claim"), started);
    assert_eq!(claims.cancel(&attempt(1), at(600)).await.expect("cancel"), started);
    assert_eq!(claims.look(&attempt(1)).await.expect("look"), Standing::Started { external });
}

async fn what_is_cancelled_is_never_taken(claims: Arc<dyn Claims>) {
    assert_eq!(claims.cancel(&attempt(1), at(0)).await.expect("cancel"), Claim::Taken);
    assert_eq!(claims.cancel(&attempt(1), at(1)).await.expect("cancel"), Claim::Cancelled);
    assert_eq!(claims.claim(&attempt(1), at(600), at(660)).await.expect("claim"), Claim::Cancelled);
    assert_eq!(claims.look(&attempt(1)).await.expect("look"), Standing::Cancelled);
}

async fn one_of_many_takes_it(claims: Arc<dyn Claims>) {
    let tasks: Vec<_> = (0..16)
        .map(|_| {
            let claims = claims.clone();
            tokio::spawn(async move { claims.claim(&attempt(1), at(0), at(60)).await.expect("claim") })
        })
        .collect();
    let mut taken = 0;
    for task in tasks {
        taken += usize::from(task.await.expect("a claim") == Claim::Taken);
    }
    assert_eq!(taken, 1, "one of many takes it");
}
