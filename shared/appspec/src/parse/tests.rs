//! What is accepted, what is refused and where.

use penstock_model::diagnostic::Severity;
use proptest::prelude::*;

use super::*;
use crate::appspec::{FileExistsBehavior, Server};
use crate::lifecycle::LifecycleEvent;

fn server(source: &str) -> Server {
    let parsed = parse(source);
    match parsed.appspec {
        Some(AppSpec::Server(server)) => server,
        other => panic!("{other:?} {:?}", parsed.diagnostics),
    }
}

/// `line:column severity[code]` of everything noticed.
fn noticed(source: &str) -> Vec<String> {
    let short = |d: &Diagnostic| {
        let mark = if d.severity == Severity::Error { "E" } else { "W" };
        format!("{} {mark} {}", d.place, d.code)
    };
    parse(source).diagnostics.iter().map(short).collect()
}

const FULL: &str = r#"version: 0.0
os: linux
files:
  - source: /
    destination: /srv/web
  - source: conf/app.ini
    destination: /etc/app/
file_exists_behavior: OVERWRITE
permissions:
  - object: /srv/web
    pattern: "*.sh"
    except: [keep.sh]
    owner: deploy
    mode: 755
    type: [file]
    acls: [u:bob:rw]
hooks:
  ApplicationStop:
    - location: scripts/stop.sh
  AfterInstall:
    - location: scripts/a.sh
      timeout: "60"
      runas: root
    - location: /scripts/b.sh
"#;

#[test]
fn everything_of_an_instance_is_read() {
    let spec = server(FULL);
    assert_eq!(noticed(FULL), [""; 0]);
    assert_eq!(spec.file_exists_behavior, Some(FileExistsBehavior::Overwrite));
    assert_eq!(spec.files[1].destination.to_string(), "/etc/app");
    let rule = &spec.permissions[0];
    assert_eq!((rule.mode.unwrap().bits(), rule.files, rule.directories), (0o755, true, false));
    let scripts = &spec.hooks[&LifecycleEvent::AfterInstall];
    assert_eq!((scripts[0].timeout_seconds, scripts[0].run_as.as_deref()), (60, Some("root")));
    assert_eq!((scripts[1].timeout_seconds, scripts[1].path.to_string()), (3600, "/scripts/b.sh".into()));
}

#[test]
fn modes_are_octal_by_their_digits_quoted_or_not() {
    for (text, bits) in
        [("755", 0o755), ("4755", 0o4755), ("'0644'", 0o644), ("\"4755\"", 0o4755), ("0644", 0o644)]
    {
        let source = format!("version: 0.0\nos: linux\npermissions:\n  - object: /a\n    mode: {text}\n");
        assert_eq!(server(&source).permissions[0].mode.unwrap().bits(), bits, "{text}");
    }
    let unquoted = "version: 0.0\nos: linux\npermissions:\n  - object: /a\n    mode: 0644\n";
    assert_eq!(noticed(unquoted), ["5:11 W mode-leading-zero"]);
}

#[test]
fn the_version_is_the_number_zero() {
    for good in ["0.0", "0", "0.00"] {
        server(&format!("version: {good}\nos: linux\n"));
    }
    assert_eq!(noticed("version: \"0.0\"\nos: linux\n"), ["1:10 E version-quoted"]);
    assert_eq!(noticed("version: 1\nos: linux\n"), ["1:10 E version-unknown"]);
    assert_eq!(noticed("os: linux\n"), ["1:1 E version-missing"]);
    assert_eq!(noticed("version: [0]\nos: linux\n"), ["1:10 E version-unknown"]);
}

#[test]
fn all_problems_are_reported_at_once() {
    let source = r"version: 0.0
os: Linux
surprise: 1
files:
  - source: ../x
    destination: srv
  - destination: /b
    overwrite: yes
permissions:
  - owner: me
    mode: u+x
    except: foo
    type: [socket]
hooks:
  Install:
    - location: a.sh
  BeforeInstal:
    - a.sh
  AfterInstall:
    - timeout: 0
    - location: ../../x.sh
";
    assert_eq!(
        noticed(source),
        [
            "2:5 E os-unknown",
            "3:1 W unknown-key",
            "5:13 E source-leaves",
            "6:18 E destination-relative",
            "7:5 E missing-key",
            "8:5 W unknown-key",
            "10:5 E missing-key",
            "11:11 E mode",
            "12:13 E wrong-type",
            "13:12 E permission-type",
            "15:3 W event-reserved",
            "17:3 W event-unknown",
            "18:7 E wrong-type",
            "20:7 E missing-key",
            "20:16 E timeout",
            "21:17 E location-leaves",
        ]
    );
}

#[test]
fn rules_that_overlap_are_noticed() {
    let source = "version: 0.0
os: linux
files:
  - {source: a.txt, destination: /d}
  - {source: b/a.txt, destination: /d/}
  - {source: ./a.txt, destination: /d}
permissions:
  - {object: /d, mode: 644}
  - {object: /d/, owner: me, mode: 4755}
";
    assert_eq!(
        noticed(source),
        ["5:5 W files-overlap", "6:5 E files-twice", "9:5 W permissions-overlap", "9:36 W mode-set-id"]
    );
}

#[test]
fn windows_is_read_and_takes_no_permissions() {
    let source = "version: 0.0\nos: windows\nfiles:\n  - source: \\web\n    destination: c:\\inetpub\\x\n";
    assert_eq!(server(source).files[0].destination.to_string(), "/inetpub/x");
    let source = "version: 0.0\nos: windows\npermissions:\n  - object: /a\n";
    assert_eq!(noticed(source), ["4:3 E permissions-on-windows"]);
}

#[test]
fn nothing_and_no_mapping_are_refused() {
    assert_eq!(noticed(""), ["1:1 E empty"]);
    assert_eq!(noticed("# only a comment\n"), ["1:1 E empty"]);
    assert_eq!(noticed("- a\n"), ["1:1 E not-a-mapping"]);
    assert_eq!(noticed("a: [\n").len(), 1);
}

const LAMBDA: &str = "version: 0.0
resources:
  - live:
      type: AWS::Lambda::Function
      properties: {name: f, alias: live, currentversion: 1, targetversion: \"2\"}
hooks:
  - BeforeAllowTraffic: check
";

#[test]
fn lambda_is_read_in_either_case() {
    for source in [LAMBDA.to_owned(), LAMBDA.replace("resources", "Resources").replace("alias", "Alias")] {
        let Some(AppSpec::Lambda(lambda)) = parse(&source).appspec else { panic!("{:?}", parse(&source)) };
        assert_eq!((&*lambda.functions[0].current_version, &*lambda.functions[0].target_version), ("1", "2"));
        assert_eq!(lambda.hooks, [(LifecycleEvent::BeforeAllowTraffic, "check".to_owned())]);
    }
    assert_eq!(noticed(&LAMBDA.replace("alias: live, ", "")), ["5:19 E missing-key"]);
    assert_eq!(noticed(&LAMBDA.replace("BeforeAllow", "BeforeBlock")), ["7:5 E event-unknown"]);
}

#[test]
fn ecs_is_read_with_placeholders() {
    let source = r#"{"version": 0.0, "Resources": [{"TargetService": {"Type": "AWS::ECS::Service", "Properties": {
        "TaskDefinition": "<TASK_DEFINITION>",
        "LoadBalancerInfo": {"ContainerName": "web", "ContainerPort": "80"}}}}]}"#;
    let Some(AppSpec::Ecs(ecs)) = parse(source).appspec else { panic!("{:?}", parse(source)) };
    assert_eq!(
        (&*ecs.services[0].task_definition, ecs.services[0].container_port),
        ("<TASK_DEFINITION>", Some(80))
    );
    assert_eq!(noticed(&source.replace("\"80\"", "\"<PORT>\"")), ["3:71 W placeholder"]);
    assert_eq!(noticed(&source.replace("\"80\"", "\"http\"")), ["3:71 E container-port"]);
    assert_eq!(noticed(&source.replace("ECS::Service", "S3::Bucket")), ["1:50 E resource-type"]);
    assert_eq!(noticed("version: 0.0\nResources: []\n"), ["2:12 E resources-empty"]);
}

proptest! {
    #[test]
    fn nothing_makes_it_panic(source in r"(version|os|files|hooks|Resources|source|[:\-\[\]{}&*!|> \n'0.a/#]){0,60}") {
        parse(&source);
    }

    #[test]
    fn broken_files_do_not_make_it_panic(at in 0..FULL.len(), with in any::<char>()) {
        let mut source: Vec<char> = FULL.chars().collect();
        source[at] = with;
        parse(&source.into_iter().collect::<String>());
        parse(&FULL[..at]);
    }

    #[test]
    fn accepted_paths_never_leave(source in r"[a./]{1,12}", destination in r"/[a./]{0,12}") {
        let text = format!("version: 0.0\nos: linux\nfiles:\n- source: '{source}'\n  destination: '{destination}'\n");
        if let Some(AppSpec::Server(server)) = parse(&text).appspec {
            for path in [&server.files[0].source, &server.files[0].destination] {
                prop_assert!(path.names().all(|name| name != ".." && name != "." && name != "/"));
            }
        }
    }
}
