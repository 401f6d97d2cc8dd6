//! The small memories in the table: who was told, and who is asked.

use std::collections::BTreeSet;

use penstock_app::port::approvers::{Approver, Approvers};
use penstock_app::port::told::Told;
use penstock_aws::approvers::ApproverTable;
use penstock_aws::store::schema::create_table;
use penstock_aws::told::ToldTable;
use penstock_testkit::build::name;
use penstock_testkit::contract::approvers_contract;

use crate::connector::every_fault;
use crate::{faults, fresh};

async fn table() -> String {
    let table = fresh("table");
    create_table(&faults().sdk(), &table).await.unwrap();
    table
}

fn all(who: &[&str]) -> BTreeSet<String> {
    who.iter().map(|who| (*who).to_owned()).collect()
}

#[tokio::test]
async fn who_was_told_is_remembered_whatever_fails() {
    let (faults, table) = (faults(), table().await);
    let told = ToldTable::new(&faults.sdk(), &table);
    every_fault(&faults, async |case| {
        let record = fresh("execution#");
        assert_eq!(
            faults
                .until_done(async || {
                    told.remember(&record, &all(&["everyone"])).await?;
                    told.remember(&record, &all(&["arn:aws:sns:eu-west-1:1:jo", "everyone"])).await?;
                    told.of(&record).await
                })
                .await,
            all(&["arn:aws:sns:eu-west-1:1:jo", "everyone"]),
            "{case}"
        );
        assert_eq!(told.of(&format!("{record}1")).await.unwrap(), all(&[]), "{case}: of another record");
    })
    .await;
}

#[tokio::test]
async fn the_table_keeps_the_approvers_contract() {
    approvers_contract(&ApproverTable::new(&faults().sdk(), &table().await)).await;
}

#[tokio::test]
async fn approvers_are_added_and_removed_whatever_fails() {
    let (faults, table) = (faults(), table().await);
    let approvers = ApproverTable::new(&faults.sdk(), &table);
    every_fault(&faults, async |case| {
        let jo = Approver {
            name: name("Jo"),
            email: "jo@example.com".to_owned(),
            topic_arn: "arn:aws:sns:eu-west-1:111122223333:penstock-jo".to_owned(),
            pipelines: vec![name("web")],
            generation: None,
        };
        faults.until_done(async || approvers.add(&jo).await).await;
        assert_eq!(approvers.list().await.unwrap(), std::slice::from_ref(&jo), "{case}");
        approvers.remove(&jo.name).await.unwrap();
        assert_eq!(approvers.list().await.unwrap(), [], "{case}");
    })
    .await;
}
