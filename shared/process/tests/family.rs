//! Programs that try to leave something behind.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::signal::kill;
use nix::unistd::Pid;
use penstock_process::{Account, Child, Input, Lineage, Output, Spec, Survivors};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};

/// Leaves its group and session, forks twice, forgets its environment, ignores TERM; prints its id.
const ESCAPE: &str = r#"
setsid sh -c '(env -i /bin/sh -c "trap \"\" TERM HUP; echo \$\$; exec 1>&- 2>&-; while :; do /bin/sleep 1000; done" &) &'
"#;

fn shell(script: &str, directory: &Path) -> Spec {
    let mut spec = Spec::new("sh", directory);
    spec.arguments = vec!["-c".into(), script.into()];
    spec.environment = vec![("PATH".into(), std::env::var_os("PATH").unwrap())];
    spec
}

async fn first_line(child: &mut Child) -> String {
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).await.unwrap();
    line.trim().to_owned()
}

async fn output(spec: Spec) -> String {
    let mut text = String::new();
    let mut child = spec.spawn().unwrap();
    child.stdout.as_mut().unwrap().read_to_string(&mut text).await.unwrap();
    assert!(child.wait().await.unwrap().success());
    text
}

fn gone(pid: &str) -> bool {
    kill(Pid::from_raw(pid.parse().unwrap()), None) == Err(Errno::ESRCH)
}

#[tokio::test]
async fn codes_and_signals_come_through() {
    let folder = tempfile::tempdir().unwrap();
    for code in [0, 1, 42, 255] {
        let mut child = shell(&format!("exit {code}"), folder.path()).spawn().unwrap();
        assert_eq!(child.wait().await.unwrap().code(), Some(code));
    }
    for signal in [9, 15, 11] {
        let mut child = shell(&format!("kill -{signal} $$"), folder.path()).spawn().unwrap();
        assert_eq!(child.wait().await.unwrap().signal(), Some(signal));
    }
}

#[tokio::test]
async fn nothing_is_inherited() {
    let folder = tempfile::tempdir().unwrap();
    let mut spec = Spec::new("env", folder.path());
    spec.environment = vec![("GREETING".into(), "hello\nworld".into()), ("EMPTY".into(), "".into())];
    assert_eq!(output(spec).await, "GREETING=hello\nworld\nEMPTY=\n");
    let spec = shell("pwd; ls /proc/self/fd | tr '\\n' ' '", folder.path());
    let place = folder.path().canonicalize().unwrap();
    assert_eq!(output(spec).await, format!("{}\n0 1 2 3 ", place.display()));
}

#[tokio::test]
async fn input_and_both_outputs_are_pipes() {
    let folder = tempfile::tempdir().unwrap();
    let mut spec = shell("cat; echo aside >&2; echo after", folder.path());
    (spec.input, spec.output) = (Input::Piped, Output::Merged);
    let mut child = spec.spawn().unwrap();
    child.stdin.as_mut().unwrap().write_all(b"given\n").await.unwrap();
    child.stdin = None;
    let mut text = String::new();
    child.stdout.as_mut().unwrap().read_to_string(&mut text).await.unwrap();
    assert_eq!(text, "given\naside\nafter\n");
}

#[tokio::test]
async fn what_cannot_start_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let kind = |spec: Spec| spec.spawn().unwrap_err().kind();
    assert_eq!(kind(Spec::new("no-such-program-here", folder.path())), std::io::ErrorKind::NotFound);
    assert_eq!(kind(Spec::new("/no/such/program", folder.path())), std::io::ErrorKind::NotFound);
    assert_eq!(kind(Spec::new("/etc/passwd", folder.path())), std::io::ErrorKind::PermissionDenied);
    assert_eq!(kind(Spec::new("sh", folder.path().join("missing"))), std::io::ErrorKind::NotFound);
}

#[tokio::test]
async fn a_script_without_interpreter_line_is_run_by_the_shell() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("script");
    std::fs::write(&script, "exit $1\n").unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    let mut spec = Spec::new(script, folder.path());
    spec.arguments = vec!["7".into()];
    let status = spec.spawn().unwrap().wait().await.unwrap();
    assert_eq!(status.code(), Some(7));
}

#[tokio::test]
async fn end_reaches_everybody() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = shell(&format!("{ESCAPE} sleep 1000"), folder.path()).spawn().unwrap();
    let escaped = first_line(&mut child).await;
    assert!(!gone(&escaped));
    let status = child.end(Duration::from_millis(50)).await.unwrap();
    assert_eq!(status.signal(), Some(15));
    assert!(gone(&escaped));
}

#[tokio::test]
async fn end_is_patient_with_what_tidies_up() {
    let folder = tempfile::tempdir().unwrap();
    let script = "trap 'echo tidied; exit 3' TERM; echo ready; while :; do sleep 0.01; done";
    let mut child = shell(script, folder.path()).spawn().unwrap();
    assert_eq!(first_line(&mut child).await, "ready");
    assert_eq!(child.end(Duration::from_secs(60)).await.unwrap().code(), Some(3));
    let mut rest = String::new();
    child.stdout.as_mut().unwrap().read_to_string(&mut rest).await.unwrap();
    assert_eq!(rest, "tidied\n");
}

#[tokio::test]
async fn survivors_end_with_the_program() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = shell(&format!("{ESCAPE} exit 4"), folder.path()).spawn().unwrap();
    let mut text = String::new();
    child.stdout.as_mut().unwrap().read_to_string(&mut text).await.unwrap();
    assert_eq!(child.wait().await.unwrap().code(), Some(4));
    assert!(text.is_empty() || gone(text.trim()));
}

#[tokio::test]
async fn survivors_may_be_kept() {
    let folder = tempfile::tempdir().unwrap();
    let mut spec = shell("sleep 1000 >/dev/null 2>&1 & echo $!", folder.path());
    spec.survivors = Survivors::Keep;
    let mut child = spec.spawn().unwrap();
    let daemon = first_line(&mut child).await;
    assert!(child.wait().await.unwrap().success());
    drop(child);
    assert!(!gone(&daemon));
    kill(Pid::from_raw(daemon.parse().unwrap()), nix::sys::signal::Signal::SIGKILL).unwrap();
}

#[tokio::test]
async fn dropping_kills_and_the_lineage_knows_when_all_are_gone() {
    let folder = tempfile::tempdir().unwrap();
    let lock = folder.path().join("lineage");
    let lineage = Lineage::try_open(&lock).unwrap();
    let mut spec = shell(&format!("{ESCAPE} sleep 1000"), folder.path());
    spec.lineage = Some(lineage.clone());
    let mut child = spec.spawn().unwrap();
    let escaped = first_line(&mut child).await;
    drop(lineage);
    assert_eq!(Lineage::try_open(&lock).unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
    drop(child);
    Lineage::open(&lock).await.unwrap();
    assert!(gone(&escaped));
}

/// Not a test by itself: the calling program of `death_of_the_calling_program_ends_everybody`, in a process of its own.
#[tokio::test]
async fn calling_program() {
    let Some(folder) = std::env::var_os("CALLING_PROGRAM_FOLDER") else {
        return;
    };
    let folder = Path::new(&folder);
    let mut spec = shell(&format!("{ESCAPE} sleep 1000"), folder);
    spec.lineage = Some(Lineage::try_open(&folder.join("lineage")).unwrap());
    let mut child = spec.spawn().unwrap();
    let escaped = first_line(&mut child).await;
    std::fs::write(folder.join("escaped.new"), escaped).unwrap();
    std::fs::rename(folder.join("escaped.new"), folder.join("escaped")).unwrap();
    println!("\nready");
    child.wait().await.unwrap();
}

#[tokio::test]
async fn death_of_the_calling_program_ends_everybody() {
    let folder = tempfile::tempdir().unwrap();
    let mut caller = tokio::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "calling_program", "--nocapture"])
        .env("CALLING_PROGRAM_FOLDER", folder.path())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(caller.stdout.take().unwrap()).lines();
    while lines.next_line().await.unwrap().expect("the caller ended early") != "ready" {}
    let escaped = std::fs::read_to_string(folder.path().join("escaped")).unwrap();
    assert!(!gone(&escaped));
    caller.kill().await.unwrap();
    Lineage::open(&folder.path().join("lineage")).await.unwrap();
    assert!(gone(&escaped));
}

#[tokio::test]
async fn another_user_needs_root() {
    let mut spec = shell("id -u; id -g", Path::new("/"));
    let Ok(account) = Account::named("nobody") else {
        return;
    };
    spec.account = Some(account.clone());
    if account.permitted() {
        let mut text = String::new();
        let mut child = spec.spawn().unwrap();
        child.stdout.as_mut().unwrap().read_to_string(&mut text).await.unwrap();
        assert_eq!(text, format!("{}\n{}\n", account.uid, account.gid));
    } else {
        assert_eq!(spec.spawn().unwrap_err().kind(), std::io::ErrorKind::PermissionDenied);
    }
}
