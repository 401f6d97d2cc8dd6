//! Over a real database and real files.

use std::time::SystemTime;

use penstock_app::control::StartRequest;
use penstock_app::port::clock::SystemClock;
use penstock_app::port::provider::Ending;
use penstock_model::artifact::Artifact;
use penstock_model::id::ExecutionId;
use penstock_testkit::build::{approval, build, deploy, name, pipeline, source};
use penstock_testkit::fake::{Conduct, FakeProvider};
use penstock_testkit::fault::Faults;
use penstock_testkit::installation::{Fakes, Installation, Ports};

use super::*;

const DAY: Duration = Duration::from_secs(24 * 3600);

/// An installation whose artifacts and logs lie in a folder.
struct Bench {
    folder: tempfile::TempDir,
    installation: Installation,
    database: Arc<Database>,
    objects: Objects,
    logs: LogFiles,
    clean_up: CleanUp,
}

impl Bench {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let objects = Objects::open(&folder.path().join("artifacts")).unwrap();
        let logs = LogFiles::new(&folder.path().join("logs"));
        let (store, incoming) = (objects.clone(), folder.path().join("incoming"));
        // Every source is the same, every build another.
        let fakes = Fakes::new(FakeProvider::new(move |work| {
            let Ending::Succeeded(mut done) = FakeProvider::success(work) else { return Conduct::Runs };
            for artifact in &mut done.artifacts {
                let content =
                    if artifact.name.as_str() == "src" { "same" } else { work.attempt.execution.as_str() };
                fs::write(&incoming, content).unwrap();
                *artifact = store.store(&work.pipeline, &work.attempt, &artifact.name, &incoming).unwrap();
            }
            Conduct::Ends(Ending::Succeeded(done))
        }));
        fakes.clock.set(SystemClock.now());
        let database = Arc::new(Database::open(&folder.path().join("penstock.db"), None).unwrap());
        let ports = Ports {
            store: database.clone(),
            outputs: database.clone(),
            ..Ports::faulty(&fakes, &Faults::new(0, 0))
        };
        let clean_up = CleanUp::new(
            database.clone(),
            Arc::new(Stored::new(database.clone(), objects.clone(), logs.clone())),
            database.clone(),
            fakes.queue.clone(),
            fakes.clock.clone(),
        );
        let installation = Installation::wire(fakes, ports);
        let web = pipeline("web")
            .stage("Source", [source("Fetch", "src")])
            .stage("Build", [build("Compile").consumes("src").produces("site")])
            .stage("Release", [deploy("Ship").consumes("site")])
            .build();
        let waits = pipeline("waits")
            .stage("Source", [source("Fetch", "src")])
            .stage("Build", [build("Compile").consumes("src").produces("site")])
            .stage(
                "Release",
                [approval("Sign-off").expires_after(60 * 24 * 60), deploy("Ship").consumes("site").order(2)],
            )
            .build();
        for definition in [web, waits] {
            installation.control.create(definition, "alice").await.unwrap();
        }
        Self { folder, installation, database, objects, logs, clean_up }
    }

    async fn start(&self, pipeline: &str) -> (ExecutionId, Artifact) {
        let id = self.installation.control.start(StartRequest::by(name(pipeline), "alice")).await.unwrap();
        self.installation.settle().await;
        let execution = self.installation.query.raw_execution(&name(pipeline), &id).await.unwrap();
        let attempts = execution.stages.iter().flat_map(|stage| stage.actions.values());
        let site = attempts.flat_map(|attempt| &attempt.artifacts).find(|it| it.name.as_str() == "site");
        (id, site.unwrap().clone())
    }

    fn link(&self, token: &str, rest: &str) -> PathBuf {
        let digits = token.trim_start_matches("p-");
        self.folder.path().join("artifacts/keys").join(&digits[..2]).join(format!("{digits}{rest}"))
    }

    /// Days pass, and what is due is cleaned up; how much was given up.
    async fn after(&self, days: u32) -> usize {
        self.installation.fakes.clock.advance(DAY * days);
        let cleaned = self.clean_up.run().await.unwrap().expect("a day has passed");
        assert!(cleaned.complete);
        self.installation.settle().await;
        cleaned.given_up
    }
}

#[tokio::test]
async fn what_no_execution_needs_is_removed_and_nothing_else() {
    let bench = Bench::new().await;
    let (_, waiting) = bench.start("waits").await;
    let mut executions = vec![];
    for _ in 0..13 {
        executions.push(bench.start("web").await);
    }
    let same = &bench.installation.query.raw_execution(&name("web"), &executions[0].0).await.unwrap();
    let source = same.stages[0].actions.values().next().unwrap().artifacts[0].clone();
    assert_eq!(bench.after(8).await, 0, "first it is made known that they are let go");
    assert_eq!(bench.clean_up.run().await.unwrap(), None, "once a day");
    assert_eq!(bench.after(1).await, 6, "two links of three executions");
    for (number, (id, site)) in executions.iter().enumerate() {
        assert_eq!(bench.objects.checked(site).is_ok(), number >= 3, "execution {number}: {id}");
    }
    assert!(bench.objects.checked(&waiting).is_ok(), "an approval may still be given");
    assert!(bench.objects.checked(&source).is_ok(), "others have the same source");
    let (web, stage) = (name("web"), name("Release"));
    let back = |number: usize| {
        bench.installation.control.rollback(&web, &stage, Some(executions[number].0.clone()), "bob")
    };
    let refused = back(0).await.unwrap_err().to_string();
    assert!(refused.contains("artifacts"), "{refused}");
    assert!(back(5).await.is_ok(), "one of the latest ten can be brought back");
    // What was given up can be stored again.
    let (_, again) = bench.start("web").await;
    assert!(bench.objects.checked(&again).is_ok() && bench.objects.checked(&source).is_ok());
}

/// Links are not synchronised before somebody speaks of what they lead to; the records know them.
#[tokio::test]
async fn links_that_a_power_failure_took_are_made_again_and_keep_what_they_lead_to() {
    let bench = Bench::new().await;
    for _ in 0..13 {
        bench.start("web").await;
    }
    let (needed, site) = bench.start("web").await;
    bench.after(8).await;
    let execution = bench.installation.query.raw_execution(&name("web"), &needed).await.unwrap();
    let source = execution.stages[0].actions.values().next().unwrap().artifacts[0].clone();
    // All but those of the first execution, which is given up, are lost.
    let first =
        bench.objects.links().unwrap().into_iter().min_by_key(|(.., it)| it.modified().unwrap()).unwrap();
    for (token, rest, _) in bench.objects.links().unwrap() {
        if token != first.0 && rest == ".src" {
            fs::remove_file(bench.link(&token, &rest)).unwrap();
        }
    }
    let restarted = bench.objects.clone().carried_by(Arc::clone(&bench.database)).unwrap();
    assert_eq!(restarted.links().unwrap().len(), 28);
    assert!(bench.after(1).await > 0);
    assert!(bench.objects.checked(&source).is_ok() && bench.objects.checked(&site).is_ok());
    // What has been settled is looked at no more.
    restarted.settle_links(&bench.database).unwrap();
    bench.database.close().await;
    let database = Arc::new(Database::open(&bench.folder.path().join("penstock.db"), None).unwrap());
    let mut looked_at = 0;
    database.artifacts_after(database.cursor("links").unwrap(), |_, _| looked_at += 1).unwrap();
    assert_eq!(looked_at, 0);
}

#[tokio::test]
async fn logs_go_after_a_time_and_foreign_files_stay() {
    let bench = Bench::new().await;
    let (id, _) = bench.start("web").await;
    let attempt: AttemptId = format!("{id}/Build/Compile/1").parse().unwrap();
    drop(bench.logs.append(&attempt).unwrap());
    let foreign = bench.logs.path(&attempt).with_file_name("notes.txt");
    fs::write(&foreign, "mine").unwrap();
    bench.after(89).await;
    assert!(bench.logs.path(&attempt).exists());
    bench.after(2).await;
    assert!(!bench.logs.path(&attempt).exists() && foreign.exists());
}

#[tokio::test]
async fn a_server_that_starts_again_goes_on_with_the_days_count() {
    let bench = Bench::new().await;
    bench.after(1).await;
    bench.database.close().await;
    let reopened = Database::open(&bench.folder.path().join("penstock.db"), None).unwrap();
    let walk = reopened.latest().await.unwrap().unwrap();
    assert_eq!(walk, Walk { began_at: bench.installation.fakes.clock.now(), next: None });
}

#[tokio::test]
async fn the_lock_is_held_until_the_last_file_is_dealt_with() {
    let bench = Bench::new().await;
    let lock = Arc::new(fs::File::create(bench.folder.path().join("lock")).unwrap());
    let stored = Stored::new(bench.database.clone(), bench.objects.clone(), bench.logs.clone());
    let stored = stored.holding(lock.clone());
    let (begun, begins) = tokio::sync::oneshot::channel();
    let (end, ends) = std::sync::mpsc::channel::<()>();
    let work = move || {
        begun.send(()).unwrap();
        ends.recv().unwrap();
        Ok(())
    };
    let cleaning = tokio::spawn(async move { stored.blocking(work).await });
    begins.await.unwrap();
    // The machine shuts down, and waits for nothing here.
    cleaning.abort();
    assert!(cleaning.await.unwrap_err().is_cancelled());
    assert_eq!(Arc::strong_count(&lock), 2);
    end.send(()).unwrap();
    while Arc::strong_count(&lock) > 1 {
        tokio::task::yield_now().await;
    }
}

#[test]
fn caches_go_when_nobody_used_them() {
    let folder = tempfile::tempdir().unwrap();
    let (used, unused, other) = (
        folder.path().join("web/v/used"),
        folder.path().join("web/v/unused"),
        folder.path().join("old/v/unused"),
    );
    let now = SystemTime::now();
    for (entry, age) in
        [(&used, caches::UNUSED / 2), (&unused, caches::UNUSED + DAY), (&other, caches::UNUSED + DAY)]
    {
        fs::create_dir_all(entry).unwrap();
        fs::write(entry.join("key"), "k").unwrap();
        fs::File::open(entry).unwrap().set_modified(now - age).unwrap();
    }
    caches::clean_up(folder.path(), timestamp(now)).unwrap();
    assert!(used.join("key").exists());
    assert!(!unused.exists() && !folder.path().join("old").exists());
    assert_eq!(fs::read_dir(folder.path().join("web/v")).unwrap().count(), 1);
    caches::clean_up(&folder.path().join("absent"), timestamp(now)).unwrap();
}
