//! Scripts of load-balancer events where the deployment group has no load balancer.

use crate::support::{Lab, appspec};

#[tokio::test]
async fn scripts_of_traffic_events_do_not_run_and_that_is_said() {
    let lab = Lab::new(1);
    let events = ["BeforeBlockTraffic", "AfterBlockTraffic", "BeforeAllowTraffic", "AfterAllowTraffic"];
    let mut hooks: Vec<(&str, &str)> = events.iter().map(|event| (*event, "say.sh")).collect();
    hooks.push(("ValidateService", "say.sh"));
    let script = "#!/bin/sh\necho \"$LIFECYCLE_EVENT\" >> \"$PENSTOCK_INSTANCE_ROOT/events\"\n";
    for name in ["1", "2"] {
        let revision = lab.revision(name, &appspec(&hooks), &[("say.sh", script), ("web/index.html", name)]);
        let outcome = lab.deploy(name, &revision).await;
        assert!(outcome.succeeded());
        let passed: Vec<_> = outcome.targets[0].events.iter().map(|record| record.event.name()).collect();
        assert!(events.iter().all(|event| !passed.contains(event)), "{passed:?}");
    }
    assert_eq!(lab.read("a", "events"), "ValidateService\nValidateService\n");
    for event in events {
        let note = format!(
            "note: the scripts of {event} do not run, because the deployment group has no load balancer"
        );
        assert!(lab.recorder.says(&note), "{:?}", lab.recorder.lines());
    }
}
