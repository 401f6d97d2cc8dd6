//! The items of each release, as it stored them, are read by this one, and what was in flight then is finished.
//!
//! `golden/schema-N/KIND.json` holds the items of a kind that a release of schema N stored, in DynamoDB's JSON. A file
//! is never changed: installations hold such items. After a new kind of item, or a new schema, write what is missing by
//! `PENSTOCK_GOLDEN=write cargo test --workspace --test store golden` and commit it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use penstock_app::engine::command::{Report, Request, Success};
use penstock_app::engine::event::Fact;
use penstock_app::engine::state::{ExecutionStatus, External, SCHEMA};
use penstock_app::port::PortError;
use penstock_app::port::approvers::{Approver, Approvers};
use penstock_app::port::claims::{Claims, Standing};
use penstock_app::port::clean_up::{Walk, Walks};
use penstock_app::port::clock::Clock;
use penstock_app::port::outputs::Outputs;
use penstock_app::port::queue::Message;
use penstock_app::port::store::Store;
use penstock_app::port::told::Told;
use penstock_aws::approvers::ApproverTable;
use penstock_aws::locator::Locator;
use penstock_aws::store::schema::EXPIRES_AT;
use penstock_aws::store::{TableStore, record_from_image};
use penstock_aws::told::ToldTable;
use penstock_model::artifact::Artifact;
use penstock_model::id::{ActionName, AttemptId, ExecutionId, PipelineName};
use penstock_model::pipeline::Pipeline;
use penstock_model::time::Timestamp;
use penstock_testkit::build::{build, command, deploy, name, pipeline, source, start_from};
use serde_json::{Value, json};

use crate::bench::{Plant, items, put, sdk, table};
use crate::faults::replayed;

const STACK: &str = "arn:aws:cloudformation:eu-west-1:111122223333:stack/web/1";
const JO: &str = "arn:aws:sns:eu-west-1:111122223333:penstock-jo";

fn folder(schema: u32) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/store/golden/schema-{schema}"))
}

/// What could not be read of a release's items ends the test with what that means.
fn read<T>(result: Result<T, PortError>) -> T {
    result.unwrap_or_else(|error| {
        panic!(
            "this release cannot read what an earlier one stored: failed to {error}\nAn update would leave executions in flight where they are. Go on reading the older form (and raise SCHEMA if the new one differs); do not change the files in tests/store/golden."
        )
    })
}

/// What an item is called, from its key and, for claims, from how it stands.
fn kind(item: &Value) -> String {
    let text = |name: &str| item[name]["S"].as_str().unwrap_or_default();
    let of = text("pk").split('#').next().unwrap_or_default().to_lowercase();
    let what = text("sk").split('#').next().unwrap_or_default().to_lowercase();
    match (of.as_str(), what.as_str()) {
        ("pipelines" | "quarantine" | "approvers" | "told" | "external", _) => of,
        ("attempt", "claim") => format!("claim-{}", text("status")),
        ("attempt", what) => what.to_owned(),
        ("pipeline", "record") if text("command").starts_with("release") => {
            "pipeline-record-release".to_owned()
        }
        (of, what) if of == what => of.to_owned(),
        (of, what) => format!("{of}-{what}"),
    }
}

fn web() -> Pipeline {
    pipeline("web")
        .stage("Source", [source("Fetch", "src")])
        .stage("Build", [build("Compile").consumes("src").produces("site").namespace("built")])
        .stage("Release", [deploy("Ship").consumes("site").set("Commit", "#{built.CommitId}")])
        .build()
}

/// The executions by deliveries: one that has ended, one whose build runs, one that waits behind it.
fn executions(web: &PipelineName) -> [ExecutionId; 3] {
    ["d-1", "d-2", "d-3"].map(|delivery| start_from(delivery, web).0)
}

fn at(seconds: i64) -> Timestamp {
    Timestamp(1_700_000_000_000 + seconds * 1000)
}

fn attempt(execution: &ExecutionId, called: &str) -> AttemptId {
    name(&format!("{execution}/Build/{called}/1"))
}

/// Stores an item of every kind, as an installation in use does.
async fn use_it(table: &str) {
    let plant = Plant::new(TableStore::new(&sdk(), table));
    let (web_name, definition): (PipelineName, _) = (name("web"), web());
    plant.define(definition).await;
    for delivery in ["d-1", "d-2", "d-3"] {
        let (execution, command) = start_from(delivery, &web_name);
        plant.queue.put(Message::Command { command });
        if delivery == "d-1" {
            plant.settle(&web_name, &execution).await.unwrap();
        } else {
            plant.drain().await.unwrap();
        }
    }
    let [ended, running, _] = executions(&web_name);
    plant.store.claim(&attempt(&running, "Claimed"), at(0), at(60)).await.unwrap();
    plant.store.cancel(&attempt(&running, "Cancelled"), at(0)).await.unwrap();
    let stack = External { id: STACK.to_owned(), url: Some("https://console.aws.amazon.com/".to_owned()) };
    plant.store.started(&attempt(&ended, "Stack"), &stack).await.unwrap();
    plant.store.quarantine("{\"type\":\"command\"}", "deciding panicked").await.unwrap();
    let told = ToldTable::new(&sdk(), table);
    told.remember(&format!("{ended}#3"), &BTreeSet::from(["everyone".to_owned()])).await.unwrap();
    let approvers = ApproverTable::new(&sdk(), table);
    approvers.add(&jo()).await.unwrap();
    plant.store.remember(&walk()).await.unwrap();
    release(&plant).await;
}

/// Lets go of the artifacts of another pipeline's execution, as clean-up does.
async fn release(plant: &Plant) {
    let api: PipelineName = name("api");
    plant.define(pipeline("api").stage("Build", [build("Compile")]).build()).await;
    let ended = plant.run(&api, "start-api").await;
    let keep = BTreeMap::from([(ended.id.clone(), ended.sequence)]);
    let request = Request::Release { below: ended.sequence + 1, keep, planned_at: plant.clock.now() };
    let released = plant.transition.carry_out(command("release-1", &api, request)).await.unwrap();
    assert!(released.reply.changed && released.reply.rejection.is_none(), "{released:?}");
}

fn walk() -> Walk {
    Walk { began_at: at(0), next: Some("web/p-1/Out.zip".to_owned()) }
}

fn jo() -> Approver {
    Approver {
        name: name("Jo"),
        email: "jo@example.com".to_owned(),
        topic_arn: JO.to_owned(),
        pipelines: vec![name("web")],
        generation: None,
    }
}

/// The items of a schema, by kind.
fn golden(schema: u32) -> BTreeMap<String, Vec<Value>> {
    let files = fs::read_dir(folder(schema)).into_iter().flatten().map(|file| file.unwrap().path());
    files
        .map(|file| {
            let items = serde_json::from_slice(&fs::read(&file).unwrap());
            let kind = file.file_stem().unwrap().to_str().unwrap().to_owned();
            (kind, items.unwrap_or_else(|error| panic!("{}: {error}", file.display())))
        })
        .collect()
}

/// A table that holds what a release of `schema` stored, as if it had just done so.
async fn restored(schema: u32) -> String {
    let table = table().await;
    let tomorrow = SystemTime::UNIX_EPOCH.elapsed().unwrap() + Duration::from_secs(24 * 60 * 60);
    for mut item in golden(schema).into_values().flatten() {
        if item.get(EXPIRES_AT).is_some() {
            item[EXPIRES_AT] = json!({ "N": tomorrow.as_secs().to_string() });
        }
        put(&table, &item).await;
    }
    table
}

#[tokio::test]
async fn golden_files_exist_for_every_kind_of_item() {
    let table = table().await;
    use_it(&table).await;
    let mut today: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for item in items(&table).await {
        today.entry(kind(&item)).or_default().push(item);
    }
    let known: BTreeSet<String> = golden(SCHEMA).into_keys().collect();
    let missing: Vec<_> = today.into_iter().filter(|(kind, _)| !known.contains(kind)).collect();
    if std::env::var("PENSTOCK_GOLDEN").is_ok_and(|what| what == "write") {
        fs::create_dir_all(folder(SCHEMA)).unwrap();
        for (kind, items) in &missing {
            let text = serde_json::to_string_pretty(items).unwrap() + "\n";
            fs::write(folder(SCHEMA).join(format!("{kind}.json")), text).unwrap();
        }
        return;
    }
    let missing: Vec<&String> = missing.iter().map(|(kind, _)| kind).collect();
    assert!(
        missing.is_empty(),
        "no golden file for items of these kinds: {missing:?}; this file's first lines say how to write them"
    );
}

#[tokio::test]
async fn golden_executions_in_flight_are_finished() {
    for schema in 1..=SCHEMA {
        let table = restored(schema).await;
        let (plant, web) = (Plant::new(TableStore::new(&sdk(), &table)), name::<PipelineName>("web"));
        let [ended, running, waiting] = executions(&web);
        let snapshot = read(plant.store.load(&web, &[]).await);
        let open: Vec<_> = snapshot.state.executions.keys().collect();
        assert!(open.contains(&&running) && open.contains(&&waiting), "schema {schema}: {open:?}");
        assert_eq!(read(plant.store.due(at(0), true).await), std::slice::from_ref(&web), "schema {schema}");

        let built = attempt(&running, "Compile");
        let variables = BTreeMap::from([("CommitId".to_owned(), "c0ffee00".to_owned())]);
        read(plant.store.put(&built, &variables).await);
        let report = Request::Report { attempt: built, report: Report::Succeeded(Box::new(success())) };
        plant.queue.put(Message::Command { command: command("built-after-the-update", &web, report) });
        read(plant.settle(&web, &running).await);
        read(plant.settle(&web, &waiting).await);
        for id in [&ended, &running, &waiting] {
            let execution = read(plant.store.execution(&web, id).await).expect("an execution");
            let records = read(plant.store.records(id, 0, 1000).await);
            assert_eq!(replayed(&records).executions.get(id), Some(&execution), "schema {schema}");
            assert_eq!(execution.status, ExecutionStatus::Succeeded, "schema {schema}: {id}");
            let attempts = execution.stages.iter().flat_map(|run| run.actions.values());
            assert!(attempts.clone().all(|attempt| attempt.number == 1), "schema {schema}: begun again");
        }
    }
}

/// What the build that an earlier release began hands on.
fn success() -> Success {
    let site = Artifact {
        name: name("site"),
        bucket: "memory".to_owned(),
        key: "site.zip".to_owned(),
        version_id: None,
        sha256: "0".repeat(64),
        size: 22,
    };
    Success {
        artifacts: vec![site],
        has_variables: true,
        revision: None,
        external: None,
        summary: None,
        started_at: None,
    }
}

#[tokio::test]
async fn golden_items_of_every_kind_are_read() {
    for schema in 1..=SCHEMA {
        let table = restored(schema).await;
        let (store, web) = (TableStore::new(&sdk(), &table), name::<PipelineName>("web"));
        let [ended, running, waiting] = executions(&web);
        let names: Vec<_> = read(store.pipelines().await).readable.iter().map(|it| it.name.clone()).collect();
        assert_eq!(names, std::slice::from_ref(&web));
        let page = read(store.executions(&web, None, 10).await);
        let page: Vec<_> = page.iter().map(|execution| &execution.id).collect();
        assert_eq!(page, [&waiting, &running, &ended]);
        let definition = read(store.definition(&web, penstock_model::id::DefinitionVersion(1)).await)
            .expect("a definition");
        assert_eq!(*definition, self::web());

        let before = read(store.execution(&web, &ended).await).expect("an execution");
        assert_eq!(before.revisions[&name::<ActionName>("Fetch")].author, None, "none was stored then");
        let variables = read(store.get(&attempt(&ended, "Compile")).await);
        assert_eq!(variables["Attempt"], attempt(&ended, "Compile").to_string());
        let started = read(store.look(&attempt(&running, "Compile")).await);
        assert!(matches!(started, Standing::Started { .. }), "{started:?}");
        let claimed = read(store.look(&attempt(&running, "Claimed")).await);
        assert_eq!(claimed, Standing::Claimed { until: at(60) });
        assert_eq!(read(store.look(&attempt(&running, "Cancelled")).await), Standing::Cancelled);
        let locator = Locator::new(store.clone());
        for id in [STACK, &attempt(&ended, "Stack").token()] {
            let found = read(locator.find(id).await).expect("an attempt");
            assert_eq!((found.attempt, found.pipeline), (attempt(&ended, "Stack"), web.clone()));
        }

        let aside = read(store.quarantined(10).await);
        assert_eq!((aside.len(), aside[0].reason.as_str()), (1, "deciding panicked"));
        let told = ToldTable::new(&sdk(), &table);
        assert_eq!(read(told.of(&format!("{ended}#3")).await), BTreeSet::from(["everyone".to_owned()]));
        assert_eq!(read(ApproverTable::new(&sdk(), &table).list().await), [jo()]);
        assert_eq!(read(store.latest().await), Some(walk()));
        let images = golden(schema);
        for image in images["execution-record"].iter().chain(&images["pipeline-record"]) {
            assert!(read(record_from_image(image)).is_some(), "the stream's images are read too");
        }
        let released = read(record_from_image(&images["pipeline-record-release"][0])).expect("a record");
        assert!(matches!(released.events[0].fact, Fact::ArtifactsReleased { .. }), "{released:?}");
    }
}

#[tokio::test]
async fn golden_deliveries_start_nothing_again() {
    for schema in 1..=SCHEMA {
        let table = restored(schema).await;
        let (plant, web) = (Plant::new(TableStore::new(&sdk(), &table)), name::<PipelineName>("web"));
        let (ended, command) = start_from("d-1", &web);
        plant.queue.put(Message::Command { command });
        read(plant.drain().await);
        assert_eq!(read(plant.store.executions(&web, None, 10).await).len(), 3, "schema {schema}");
        let ended = read(plant.store.execution(&web, &ended).await).expect("an execution");
        assert_eq!(ended.status, ExecutionStatus::Succeeded);
    }
}
