//! What every list of approvers keeps to.

use penstock_app::port::approvers::{Approver, Approvers, Generation};

fn approver(name: &str, email: &str, pipelines: &[&str]) -> Approver {
    Approver {
        name: name.parse().expect("a name"),
        email: email.to_owned(),
        topic_arn: format!("arn:aws:sns:eu-west-1:111122223333:penstock-{}", name.len()),
        pipelines: pipelines.iter().map(|name| name.parse().expect("a pipeline's name")).collect(),
        generation: None,
    }
}

/// Approvers are listed by name, replaced by adding again, and gone once removed. `approvers` is empty at first.
///
/// # Panics
/// If they do not keep to it.
pub async fn approvers_contract(approvers: &dyn Approvers) {
    assert_eq!(approvers.list().await.expect("an empty list"), []);
    let (zoe, ada) =
        (approver("Zoe", "zoe@example.com", &["web", "shop"]), approver("Ada L.", "ada@example.com", &[]));
    for one in [&zoe, &ada] {
        approvers.add(one).await.expect("adding");
    }
    assert_eq!(approvers.list().await.expect("the list"), [ada.clone(), zoe.clone()]);
    let generation = Some(Generation::new("a1").expect("a generation"));
    let moved = Approver { generation, ..approver("Zoe", "zoe@example.org", &["shop"]) };
    approvers.add(&moved).await.expect("adding again");
    assert_eq!(approvers.list().await.expect("the list"), [ada.clone(), moved]);
    assert!(approvers.remove(&zoe.name).await.expect("removing"));
    assert!(!approvers.remove(&zoe.name).await.expect("removing again"));
    assert_eq!(approvers.list().await.expect("the list"), [ada]);
}
