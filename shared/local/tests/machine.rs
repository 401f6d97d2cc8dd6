//! Whole pipelines on one machine, over a git repository made for the test.

mod bench;

use std::time::{Duration, Instant};

use penstock_app::control::StartRequest;
use penstock_app::engine::command::RetryActions;
use penstock_app::engine::state::ErrorCode;
use penstock_model::pipeline::{Category, ExecutionMode};
use penstock_testkit::build::{action, approval, build, deploy, name, pipeline, source};

use bench::{Bench, Running};

const BUILDSPEC: &str = "version: 0.2
env: {exported-variables: [GREETING]}
phases:
  build:
    commands:
      - export GREETING=hello
      - mkdir out && cp index.html out/
artifacts: {files: ['**/*'], base-directory: out}
";

const APPSPEC: &str = "version: 0.0
os: linux
files: [{source: index.html, destination: /srv}]
hooks: {ValidateService: [{location: validate.sh}]}
";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_travels_to_the_site() {
    let bench = Bench::with(&[("buildspec.yml", BUILDSPEC), ("index.html", "one\n")]).await;
    let machine = bench.start().await;
    let definition = pipeline("web")
        .stage("Source", [source("Pull", "Code").namespace("Source")])
        .stage("Build", [build("Make").consumes("Code").produces("Site").namespace("Made")])
        .stage("Approve", [approval("Ask").set("CustomData", "#{Made.GREETING} #{Source.CommitId}")])
        .stage(
            "Deploy",
            [action("Publish", Category::Deploy, "S3")
                .consumes("Site")
                .set("BucketName", "web")
                .set("Extract", "true")],
        )
        .build();
    machine.apply(definition).await;
    let execution = machine.begin("web").await;
    let waiting = machine.until(&execution, |view| machine.action(view, "Ask").link.is_some()).await;
    assert_eq!(waiting.commit.as_deref(), Some(bench.head().as_str()));
    machine.approve("web", "Approve", "Ask").await;
    let view = machine.ended(&execution).await;
    assert_eq!(view.status.as_str(), "Succeeded", "{view:#?}");
    assert_eq!(std::fs::read_to_string(bench.dir().join("sites/web/index.html")).unwrap(), "one\n");
    let log = machine.log(&execution, "Build", "Make", 1).await;
    assert!(log.contains("mkdir out"), "{log}");
    // People are told beside the work, never in its way.
    let deadline = Instant::now() + Duration::from_secs(30);
    let told = || std::fs::read_to_string(bench.dir().join("notifications.jsonl")).unwrap_or_default();
    while !told().contains("approval-needed") {
        assert!(Instant::now() < deadline, "{}", told());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    machine.shut_down().await;
    assert_eq!(std::fs::read_dir(bench.dir().join("work")).unwrap().count(), 0, "work folders are removed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failure_names_its_command_and_is_retried() {
    let buildspec = "version: 0.2\nphases: {build: {commands: ['echo before', 'test -e ../../../ready', 'echo after']}}\n";
    let bench = Bench::with(&[("buildspec.yml", buildspec)]).await;
    let machine = bench.start().await;
    let definition = pipeline("web")
        .stage("Source", [source("Pull", "Code")])
        .stage("Build", [build("Make").consumes("Code")])
        .build();
    machine.apply(definition).await;
    let execution = machine.begin("web").await;
    let view = machine.ended(&execution).await;
    assert_eq!(view.status.as_str(), "Failed");
    let summary = machine.action(&view, "Make").summary.unwrap_or_default();
    for part in ["test -e ../../../ready", "exit code 1", ".log"] {
        assert!(summary.contains(part), "{part} is missing in: {summary}");
    }
    std::fs::write(bench.dir().join("ready"), "").unwrap();
    let retried =
        machine.control.retry(&name("web"), None, &name("Build"), RetryActions::FailedActions).await.unwrap();
    assert_eq!(retried, execution);
    let view = machine.until(&execution, |view| view.status.as_str() == "Succeeded").await;
    assert_eq!(machine.action(&view, "Make").attempt, 2);
    machine.shut_down().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn code_deploy_reaches_every_instance() {
    let files = [
        ("appspec.yml", APPSPEC),
        ("index.html", "one\n"),
        ("validate.sh", "#!/bin/sh\ntest -s \"$PENSTOCK_INSTANCE_ROOT/srv/index.html\"\n"),
    ];
    let bench = Bench::with(&files).await;
    let machine = bench.start().await;
    std::fs::write(
        bench.dir().join("deployment-groups.yml"),
        "applications: {web: {live: {instances: [blue, green]}}}\n",
    )
    .unwrap();
    let action =
        deploy("Roll").consumes("Code").set("ApplicationName", "web").set("DeploymentGroupName", "live");
    machine
        .apply(pipeline("web").stage("Source", [source("Pull", "Code")]).stage("Deploy", [action]).build())
        .await;
    let execution = machine.begin("web").await;
    let view = machine.ended(&execution).await;
    assert_eq!(view.status.as_str(), "Succeeded", "{view:#?}");
    for instance in ["blue", "green"] {
        let page = bench.dir().join("instances/web/live").join(instance).join("srv/index.html");
        assert_eq!(std::fs::read_to_string(page).unwrap(), "one\n");
    }
    machine.shut_down().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_deployment_tells_its_cause_and_not_its_rollback() {
    let validate = "#!/bin/sh\ntest -e \"$PENSTOCK_INSTANCE_ROOT/broken\" || exit 0\n\
        rm \"$PENSTOCK_INSTANCE_ROOT/broken\"\necho the disk is gone\nexit 1\n";
    let files = [("appspec.yml", APPSPEC), ("index.html", "one\n"), ("validate.sh", validate)];
    let bench = Bench::with(&files).await;
    let machine = bench.start().await;
    std::fs::write(
        bench.dir().join("deployment-groups.yml"),
        "applications: {web: {live: {instances: [blue]}}}\n",
    )
    .unwrap();
    let action =
        deploy("Roll").consumes("Code").set("ApplicationName", "web").set("DeploymentGroupName", "live");
    machine
        .apply(pipeline("web").stage("Source", [source("Pull", "Code")]).stage("Deploy", [action]).build())
        .await;
    let execution = machine.begin("web").await;
    assert_eq!(machine.ended(&execution).await.status.as_str(), "Succeeded");
    std::fs::write(bench.dir().join("instances/web/live/blue/broken"), "").unwrap();
    let execution = machine.begin("web").await;
    let view = machine.ended(&execution).await;
    assert_eq!(view.status.as_str(), "Failed");
    let summary = machine.action(&view, "Roll").summary.unwrap_or_default();
    assert!(summary.contains("brought the last good revision back"), "{summary}");
    assert!(summary.contains("the disk is gone") && !summary.contains("rolling back"), "{summary}");
    machine.shut_down().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_takes_a_second_is_recorded_as_a_second() {
    let buildspec = "version: 0.2\nphases: {build: {commands: ['sleep 1']}}\n";
    let bench = Bench::with(&[("buildspec.yml", buildspec)]).await;
    let machine = bench.start().await;
    let definition = pipeline("web")
        .stage("Source", [source("Pull", "Code")])
        .stage("Build", [build("Make").consumes("Code")])
        .build();
    machine.apply(definition).await;
    let execution = machine.begin("web").await;
    let view = machine.ended(&execution).await;
    let made = machine.action(&view, "Make");
    let taken = made.ended_at.unwrap().0 - made.started_at.unwrap().0;
    assert!(taken >= 1000, "{taken} ms");
    machine.shut_down().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn documented_variables_are_there() {
    let buildspec = "version: 0.2\nphases:\n  build:\n    commands:\n      - 'echo \"<$CODEBUILD_BUILD_IMAGE> \
        <$CODEBUILD_KMS_KEY_ID> <${CODEBUILD_SOURCE_REPO_URL-unset}>\"'\n";
    let bench = Bench::with(&[("buildspec.yml", buildspec)]).await;
    let machine = bench.start().await;
    let definition = pipeline("web")
        .stage("Source", [source("Pull", "Code")])
        .stage("Build", [build("Make").consumes("Code")])
        .build();
    machine.apply(definition).await;
    let execution = machine.begin("web").await;
    machine.ended(&execution).await;
    let log = machine.log(&execution, "Build", "Make", 1).await;
    let line = "<local> <arn:aws:kms:us-east-1:000000000000:alias/aws/s3> <>";
    assert!(log.lines().any(|shown| shown == line), "{log}");
    machine.shut_down().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_build_under_way_when_the_server_dies_is_attempted_again() {
    let buildspec =
        "version: 0.2\nphases: {build: {commands: ['echo begun', 'test -e ../../../ready || sleep 1000']}}\n";
    let bench = Bench::with(&[("buildspec.yml", buildspec)]).await;
    let machine = bench.start().await;
    machine
        .apply(
            pipeline("web")
                .stage("Source", [source("Pull", "Code")])
                .stage("Build", [build("Make").consumes("Code")])
                .build(),
        )
        .await;
    let execution = machine.begin("web").await;
    machine.log_says(&execution, ("Build", "Make", 1), "begun").await;
    machine.crash();

    let machine = bench.start().await;
    machine.log_says(&execution, ("Build", "Make", 2), "begun").await;
    machine.shut_down().await;

    std::fs::write(bench.dir().join("ready"), "").unwrap();
    let machine = bench.start().await;
    let view = machine.ended(&execution).await;
    assert_eq!(view.status.as_str(), "Succeeded", "{view:#?}");
    assert_eq!(machine.action(&view, "Make").attempt, 3, "both interruptions are attempts of their own");
    machine.shut_down().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_stopped_before_a_machine_takes_it_up_does_not_go_on() {
    let buildspec = "version: 0.2\nphases: {build: {commands: ['echo begun >> ../../../builds', 'echo begun', 'sleep 1000']}}\n";
    let bench = Bench::with(&[("buildspec.yml", buildspec)]).await;
    let machine = bench.start().await;
    let definition = pipeline("web")
        .stage("Source", [source("Pull", "Code")])
        .stage("Build", [build("Make").consumes("Code")])
        .build();
    machine.apply(definition).await;
    let execution = machine.begin("web").await;
    machine.log_says(&execution, ("Build", "Make", 1), "begun").await;
    let waiting = machine.begin("web").await;
    machine.until(&waiting, |view| machine.action(view, "Pull").status.as_str() == "Succeeded").await;
    machine.crash();

    let idle = bench.open().await;
    for stopped in [&waiting, &execution] {
        idle.control.stop(&name("web"), stopped, true, "left open", "me").await.unwrap();
    }
    let machine = Running::take_up(idle).await;
    for stopped in [&waiting, &execution] {
        assert_eq!(machine.ended(stopped).await.status.as_str(), "Stopped");
    }
    let next = machine.begin("web").await;
    machine.log_says(&next, ("Build", "Make", 1), "begun").await;
    assert_eq!(std::fs::read_to_string(bench.dir().join("builds")).unwrap(), "begun\nbegun\n");
    let view = machine.query.execution(&name("web"), Some(&execution)).await.unwrap();
    assert_eq!(machine.action(&view, "Make").attempt, 1);
    machine.shut_down().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deployment_goes_on_at_the_event_that_was_interrupted() {
    let install = "#!/bin/sh\necho installed >> \"$PENSTOCK_INSTANCE_ROOT/installs\"\n";
    let start = "#!/bin/sh\ntest -e \"$PENSTOCK_INSTANCE_ROOT/ready\" || sleep 1000\n";
    let appspec = "version: 0.0\nos: linux\nfiles: [{source: index.html, destination: /srv}]\n\
        hooks: {AfterInstall: [{location: install.sh}], ApplicationStart: [{location: start.sh}]}\n";
    let bench = Bench::with(&[
        ("appspec.yml", appspec),
        ("index.html", "one\n"),
        ("install.sh", install),
        ("start.sh", start),
    ])
    .await;
    let machine = bench.start().await;
    let action =
        deploy("Roll").consumes("Code").set("ApplicationName", "web").set("DeploymentGroupName", "live");
    machine
        .apply(pipeline("web").stage("Source", [source("Pull", "Code")]).stage("Deploy", [action]).build())
        .await;
    let execution = machine.begin("web").await;
    machine.log_says(&execution, ("Deploy", "Roll", 1), "ApplicationStart: InProgress").await;
    machine.crash();

    let root = bench.dir().join("instances/web/live/default");
    std::fs::write(root.join("ready"), "").unwrap();
    let machine = bench.start().await;
    let view = machine.ended(&execution).await;
    assert_eq!(view.status.as_str(), "Succeeded", "{view:#?}");
    assert_eq!(machine.action(&view, "Roll").attempt, 1);
    assert_eq!(
        std::fs::read_to_string(root.join("installs")).unwrap(),
        "installed\n",
        "finished events are not repeated"
    );
    let log = machine.log(&execution, "Deploy", "Roll", 1).await;
    assert!(log.contains("goes on where it stood"), "{log}");
    machine.shut_down().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_this_machine_cannot_do_is_refused_before_it_starts() {
    let bench = Bench::with(&[("a", "a")]).await;
    let machine = bench.start().await;
    let definition = pipeline("web")
        .stage("Source", [source("Pull", "Code")])
        .stage("Deploy", [action("Stack", Category::Deploy, "CloudFormation").consumes("Code")])
        .build();
    let refused = machine.control.apply(definition, "me").await.unwrap_err().to_string();
    assert!(
        refused.contains("`Stack`")
            && refused.contains("CloudFormation")
            && refused.contains("or run the pipeline on AWS"),
        "{refused}"
    );
    machine.shut_down().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_folder_belongs_to_one_machine() {
    let bench = Bench::with(&[("a", "a")]).await;
    let machine = bench.start().await;
    let second = bench.try_start().await.err().unwrap().to_string();
    assert!(second.contains("in use by another penstock"), "{second}");
    machine.shut_down().await;
    bench.start().await.shut_down().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parallel_executions_share_the_machine() {
    let bench = Bench::with(&[("a", "a")]).await;
    let machine = bench.start().await;
    let mut echo = action("Echo", Category::Compute, "Commands").consumes("Code").build();
    echo.commands = vec!["echo hello".into()];
    let mut definition = pipeline("many")
        .mode(ExecutionMode::Parallel)
        .stage("Source", [source("Pull", "Code")])
        .stage("Echo", [])
        .build();
    definition.stages[1].actions.push(echo);
    machine.apply(definition).await;
    let mut executions = vec![];
    for _ in 0..20 {
        executions.push(machine.begin("many").await);
    }
    for execution in executions {
        assert_eq!(machine.ended(&execution).await.status.as_str(), "Succeeded");
    }
    machine.shut_down().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn uncommitted_files_travel_only_when_asked() {
    let bench = Bench::with(&[(".gitignore", "*.tmp\n"), ("a", "committed")]).await;
    bench.write("a", "changed");
    bench.write("new", "untracked");
    bench.write("x.tmp", "ignored");
    for (dirty, expected) in [(false, "committed"), (true, "changeduntracked")] {
        let machine = bench.start_with(|settings| settings.dirty = dirty).await;
        let mut show = action("Show", Category::Compute, "Commands").consumes("Code").build();
        show.commands = vec!["cat a new x.tmp 2>/dev/null; true".into()];
        let mut definition =
            pipeline("web").stage("Source", [source("Pull", "Code")]).stage("Show", []).build();
        definition.stages[1].actions.push(show);
        machine.apply(definition).await;
        let execution = machine.begin("web").await;
        assert_eq!(machine.ended(&execution).await.status.as_str(), "Succeeded");
        let log = machine.log(&execution, "Show", "Show", 1).await;
        assert!(log.lines().any(|line| line == expected), "dirty = {dirty}: {log}");
        machine.shut_down().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_hands_on_what_all_its_builds_made() {
    let buildspec = "version: 0.2
batch: {build-list: [{identifier: one, env: {variables: {NAME: one}}}, {identifier: two, env: {variables: {NAME: two}}}]}
phases: {build: {commands: ['mkdir out; echo $NAME > out/$NAME.html']}}
artifacts: {files: ['**/*'], base-directory: out}
";
    let bench = Bench::with(&[("buildspec.yml", buildspec)]).await;
    let machine = bench.start().await;
    let make = build("Make")
        .consumes("Code")
        .produces("Site")
        .set("BatchEnabled", "true")
        .set("CombineArtifacts", "true");
    let publish = action("Publish", Category::Deploy, "S3")
        .consumes("Site")
        .set("BucketName", "web")
        .set("Extract", "true");
    machine
        .apply(
            pipeline("web")
                .stage("Source", [source("Pull", "Code")])
                .stage("Build", [make])
                .stage("Deploy", [publish])
                .build(),
        )
        .await;
    let execution = machine.begin("web").await;
    let view = machine.ended(&execution).await;
    assert_eq!(view.status.as_str(), "Succeeded", "{view:#?}");
    for name in ["one", "two"] {
        let page = std::fs::read_to_string(bench.dir().join(format!("sites/web/{name}.html"))).unwrap();
        assert_eq!(page.trim(), name);
    }
    machine.shut_down().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_is_invoked_with_its_arguments_and_never_through_a_shell() {
    let bench = Bench::with(&[("show.sh", "#!/bin/sh\necho \"$1 $USER_PARAMETERS\"\n")]).await;
    let machine = bench.start().await;
    let call = action("Call", Category::Invoke, "Command")
        .consumes("Code")
        .set("Command", r#"["/bin/sh", "show.sh", "$(id)"]"#);
    let mut call = call.set("UserParameters", "#{Source.CommitMessage}").build();
    call.action_type_id.owner = penstock_model::pipeline::Owner::Custom;
    let mut definition = pipeline("web")
        .stage("Source", [source("Pull", "Code").namespace("Source")])
        .stage("Call", [])
        .build();
    definition.stages[1].actions.push(call);
    machine.apply(definition).await;
    let execution = machine.begin("web").await;
    let view = machine.ended(&execution).await;
    assert_eq!(view.status.as_str(), "Succeeded", "{view:#?}");
    assert!(machine.log(&execution, "Call", "Call", 1).await.contains("$(id) First"));
    machine.shut_down().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_artifact_store_that_cannot_be_written_for_a_while_costs_no_attempt() {
    let bench = Bench::with(&[("index.html", "one\n")]).await;
    let machine = bench.start().await;
    let publish = action("Publish", Category::Deploy, "S3")
        .consumes("Code")
        .set("BucketName", "web")
        .set("Extract", "true");
    machine
        .apply(pipeline("web").stage("Source", [source("Pull", "Code")]).stage("Deploy", [publish]).build())
        .await;
    let (store, aside) = (bench.dir().join("artifacts"), bench.dir().join("aside"));
    std::fs::rename(&store, &aside).unwrap();
    std::fs::write(&store, "no folder").unwrap();
    let execution = machine.begin("web").await;
    machine.until(&execution, |view| machine.action(view, "Pull").attempt == 1).await;
    std::fs::remove_file(&store).unwrap();
    std::fs::rename(&aside, &store).unwrap();
    let view = machine.ended(&execution).await;
    assert_eq!(view.status.as_str(), "Succeeded", "{view:#?}");
    assert_eq!(machine.action(&view, "Pull").attempt, 1);
    machine.shut_down().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_pipeline_is_reported_and_keeps_no_other_from_running() {
    let bench = Bench::with(&[("a", "a")]).await;
    let machine = bench.start().await;
    for name in ["sound", "damaged", "stuck"] {
        let ask =
            pipeline(name).stage("Source", [source("Pull", "Code")]).stage("Approve", [approval("Ask")]);
        machine.apply(ask.build()).await;
    }
    let execution = machine.begin("sound").await;
    let stuck = machine.begin("stuck").await;
    for execution in [&execution, &stuck] {
        machine.until(execution, |view| machine.action(view, "Ask").link.is_some()).await;
    }
    machine.shut_down().await;
    let database = rusqlite::Connection::open(bench.dir().join("penstock.db")).unwrap();
    database.execute("UPDATE pipelines SET item = '{' WHERE name = 'damaged'", []).unwrap();
    database.execute("UPDATE executions SET item = 'null' WHERE id = ?1", [stuck.as_str()]).unwrap();
    drop(database);

    let machine = bench.start().await;
    machine.approve("sound", "Approve", "Ask").await;
    assert_eq!(machine.ended(&execution).await.status.as_str(), "Succeeded");
    let listed = machine.query.pipelines().await.unwrap();
    assert_eq!(listed.iter().map(|it| it.name.as_str()).collect::<Vec<_>>(), ["sound"]);
    for name in ["damaged", "stuck"] {
        let refused = machine.control.start(StartRequest::by(name.parse().unwrap(), "me")).await.unwrap_err();
        let refused = refused.to_string();
        assert!(refused.contains("damaged") && refused.contains("restore penstock.db"), "{refused}");
    }
    machine.shut_down().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deployment_whose_input_is_refused_fails_for_good() {
    let bench = Bench::with(&[("appspec.yml", APPSPEC), ("index.html", "one\n")]).await;
    let machine = bench.start_with(|settings| settings.limits.files = 1).await;
    let action =
        deploy("Roll").consumes("Code").set("ApplicationName", "web").set("DeploymentGroupName", "live");
    machine
        .apply(pipeline("web").stage("Source", [source("Pull", "Code")]).stage("Deploy", [action]).build())
        .await;
    let execution = machine.begin("web").await;
    let view = machine.ended(&execution).await;
    let roll = machine.action(&view, "Roll");
    assert_eq!(roll.error_code.as_ref().map(ErrorCode::as_str), Some("JobFailed"), "{roll:#?}");
    assert!(roll.summary.unwrap_or_default().contains("extract the artifact `Code`"));
    machine.shut_down().await;
}
