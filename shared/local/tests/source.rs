//! Git sources over real repositories: which commit is meant, what its artifact holds, what is said of the rest.

#![expect(clippy::unwrap_used, reason = "a test ends where something is not as it should be")]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use penstock_app::engine::state::{AttemptError, RevisionOverride, TriggerCause};
use penstock_app::port::clock::SystemClock;
use penstock_app::port::provider::{Begun, Done, Ending, Provider, Work};
use penstock_archive::{Limits, extract};
use penstock_local::logs::LogFiles;
use penstock_local::objects::Objects;
use penstock_local::source::GitSource;
use penstock_model::id::DefinitionVersion;
use penstock_model::time::Timestamp;
use tempfile::TempDir;
use tokio::sync::watch;

/// A folder with repositories, and what a source makes of them.
struct Bench {
    folder: TempDir,
}

/// What a source action ended with.
struct Fetched {
    done: Done,
    log: String,
    files: PathBuf,
}

impl Fetched {
    fn commit(&self) -> &str {
        &self.done.revision.as_ref().unwrap().id
    }

    fn variable(&self, name: &str) -> &str {
        &self.done.variables[name]
    }

    fn text(&self, file: &str) -> String {
        fs::read_to_string(self.files.join(file)).unwrap()
    }

    fn has(&self, file: &str) -> bool {
        self.files.join(file).symlink_metadata().is_ok()
    }
}

impl Bench {
    /// A repository `tree` with one commit on `main`.
    fn new() -> Self {
        let bench = Self { folder: tempfile::tempdir().unwrap() };
        bench.repository("tree");
        bench.commit("tree", "file", "first");
        bench
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn repository(&self, name: &str) {
        fs::create_dir_all(self.path(name)).unwrap();
        self.git(name, &["init", "-q", "-b", "main"]);
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Writes `text` and commits everything; the commit's id.
    fn commit(&self, repository: &str, file: &str, text: &str) -> String {
        self.write(&format!("{repository}/{file}"), text);
        self.git(repository, &["add", "-A"]);
        self.git(repository, &["commit", "-q", "-m", text]);
        self.git(repository, &["rev-parse", "HEAD"])
    }

    fn git(&self, folder: &str, arguments: &[&str]) -> String {
        let output = Command::new("git")
            .args(["-c", "user.name=A", "-c", "user.email=a@example.com", "-c", "protocol.file.allow=always"])
            .args(arguments)
            .current_dir(self.path(folder))
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .output()
            .unwrap();
        assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// A source as a server that has just been started has it, and what has to be kept as long as that goes on.
    fn source(&self, dirty: bool, artifacts: &str) -> (GitSource, watch::Sender<bool>) {
        let objects = Objects::open(&self.path(artifacts)).unwrap();
        let logs = LogFiles::new(&self.path("logs"));
        let (staying, leaving) = watch::channel(false);
        let clock = Arc::new(SystemClock);
        (GitSource::new(Some(self.path("tree")), dirty, objects, logs, clock, leaving), staying)
    }

    async fn ending(&self, dirty: bool, number: u32, change: impl FnOnce(&mut Work)) -> Ending {
        let (source, _staying) = self.source(dirty, "artifacts");
        let mut work = work(number);
        change(&mut work);
        match source.start(&work, false).await.unwrap() {
            Begun::Ended(ending) => ending,
            running @ Begun::Running(_) => panic!("{running:?}"),
        }
    }

    async fn fetch_as(&self, dirty: bool, change: impl FnOnce(&mut Work)) -> Fetched {
        let number = u32::try_from(fs::read_dir(self.folder.path()).unwrap().count()).unwrap();
        let ending = self.ending(dirty, number, change).await;
        let Ending::Succeeded(done) = ending else { panic!("{ending:?}") };
        let files = self.path(&format!("fetched-{number}"));
        let zip = Objects::open(&self.path("artifacts")).unwrap().checked(&done.artifacts[0]).unwrap();
        fs::create_dir(&files).unwrap();
        extract(&zip, &files, Limits::default()).unwrap();
        let log =
            LogFiles::new(&self.path("logs")).last_lines(&work(number).attempt, 100).unwrap().join("\n");
        Fetched { done: *done, log, files }
    }

    async fn fetch(&self, configuration: &[(&str, &str)]) -> Fetched {
        self.fetch_as(false, |work| configure(work, configuration)).await
    }

    async fn refused(&self, change: impl FnOnce(&mut Work)) -> AttemptError {
        let ending = self.ending(false, 1, change).await;
        let Ending::Failed { error, .. } = ending else { panic!("{ending:?}") };
        error
    }
}

fn configure(work: &mut Work, configuration: &[(&str, &str)]) {
    for (key, value) in configuration {
        work.action.configuration.insert((*key).to_owned(), (*value).to_owned());
    }
}

fn asked(kind: &str, value: &str) -> Option<RevisionOverride> {
    Some(RevisionOverride { action: "Fetch".parse().unwrap(), kind: kind.into(), value: value.into() })
}

fn work(number: u32) -> Work {
    let action = serde_json::json!({
        "name": "Fetch", "outputArtifacts": [{"name": "Out"}],
        "actionTypeId": {"category": "Source", "owner": "Custom", "provider": "Git", "version": "1"}
    });
    Work {
        attempt: format!("2b1f0c3a-5d7e-4f60-8a91-b2c3d4e5f607/Source/Fetch/{number}").parse().unwrap(),
        pipeline: "web".parse().unwrap(),
        definition: DefinitionVersion(1),
        action: serde_json::from_value(action).unwrap(),
        role_arn: None,
        artifact_store: None,
        inputs: vec![],
        revision_override: None,
        revisions: BTreeMap::new(),
        sources: vec![],
        trigger: TriggerCause {
            kind: "Manual".into(),
            detail: String::new(),
            delivery: None,
            reference: None,
        },
        deadline: Timestamp(0),
    }
}

#[tokio::test]
async fn a_branch_is_meant_here_or_else_at_origin() {
    let bench = Bench::new();
    let first = bench.git("tree", &["rev-parse", "HEAD"]);
    bench.git("tree", &["checkout", "-q", "-b", "feature/x"]);
    let second = bench.commit("tree", "file", "second");
    let here = bench.fetch(&[("Branch", "main")]).await;
    assert_eq!((here.commit(), here.variable("BranchName")), (&*first, "main"), "not the checked-out one");
    assert_eq!(here.text("file"), "first");
    let author = here.done.revision.as_ref().unwrap().author.as_deref();
    assert_eq!(author, Some("A"), "who wrote it travels with the revision");
    assert!(!format!("{:?}", here.done.variables).contains("a@example.com"));
    bench.git(".", &["clone", "-q", "tree", "clone"]);
    bench.git("clone", &["checkout", "-q", "--detach"]);
    let clone = bench.path("clone");
    let of_clone = |branch| [("RepositoryPath", clone.to_str().unwrap()), ("BranchName", branch)];
    let there = bench.fetch(&of_clone("main")).await;
    assert_eq!(there.commit(), first, "a branch that only `origin` has");
    assert_eq!(bench.fetch(&of_clone("feature/x")).await.commit(), second);
    let error = bench.refused(|work| configure(work, &[("Branch", "gone")])).await;
    assert_eq!(error.code, "RevisionUnavailable");
    assert!(error.message.contains("no branch `gone`") && error.message.contains("git fetch"), "{error:?}");
}

#[tokio::test]
async fn tags_of_both_kinds_lead_to_their_commits() {
    let bench = Bench::new();
    let first = bench.git("tree", &["rev-parse", "HEAD"]);
    bench.git("tree", &["tag", "light"]);
    bench.git("tree", &["tag", "-a", "-m", "Release", "v1.0"]);
    bench.git("tree", &["tag", "-a", "-m", "A tag of a tag", "newest", "v1.0"]);
    // A branch of the same name is not meant.
    bench.git("tree", &["checkout", "-q", "-b", "v1.0"]);
    bench.commit("tree", "file", "second");
    for tag in ["light", "v1.0", "newest"] {
        let fetched = bench.fetch(&[("Tag", tag)]).await;
        assert_eq!((fetched.commit(), fetched.text("file")), (&*first, "first".to_owned()), "{tag}");
    }
    let error = bench.refused(|work| configure(work, &[("Tag", "v2.0")])).await;
    assert!(error.message.contains("no tag `v2.0`") && error.message.contains("--tags"), "{error:?}");
}

#[tokio::test]
async fn an_override_beats_the_configuration_and_the_working_tree() {
    let bench = Bench::new();
    let first = bench.git("tree", &["rev-parse", "HEAD"]);
    bench.commit("tree", "file", "second");
    bench.write("tree/file", "uncommitted");
    let start = |work: &mut Work, value: &str| {
        configure(work, &[("Branch", "main")]);
        work.revision_override = asked("COMMIT_ID", value);
    };
    let whole = bench.fetch_as(true, |work| start(work, &first)).await;
    assert_eq!((whole.commit(), whole.text("file")), (&*first, "first".to_owned()));
    let short = bench.fetch_as(false, |work| start(work, &first[..8])).await;
    assert_eq!(short.commit(), first, "what is recorded is the whole id");
    for value in ["deadbeefdeadbeefdeadbeefdeadbeefdeadbeef", "main", "abc", "--upload-pack=x"] {
        let error = bench.refused(|work| start(work, value)).await;
        assert_eq!(error.code, "RevisionUnavailable", "{value}");
        assert!(error.message.contains(&format!("no commit `{value}`")), "{error:?}");
    }
    let error = bench.refused(|work| work.revision_override = asked("S3_OBJECT_KEY", "a.zip")).await;
    assert_eq!(error.code, "ConfigurationError");
    assert!(error.message.contains("only COMMIT_ID"), "{error:?}");
}

#[tokio::test]
async fn a_dirty_tree_travels_as_it_lies_there() {
    let bench = Bench::new();
    for (name, text) in [("gone", "1"), ("staged", "1"), (".gitignore", "*.tmp\n"), ("folder/deep", "1")] {
        bench.commit("tree", name, text);
    }
    let head = bench.git("tree", &["rev-parse", "HEAD"]);
    let clean = bench.fetch_as(true, |_| {}).await;
    assert_eq!(clean.commit(), head, "nothing has changed, so it is the commit");
    fs::remove_file(bench.path("tree/gone")).unwrap();
    bench.write("tree/staged", "2");
    bench.git("tree", &["add", "staged"]);
    bench.write("tree/new/untracked", "1");
    bench.write("tree/x.tmp", "ignored");
    symlink("file", bench.path("tree/link")).unwrap();
    symlink("/etc/passwd", bench.path("tree/outside")).unwrap();
    let fetched = bench.fetch_as(true, |_| {}).await;
    assert_eq!(fetched.commit(), format!("{head}-dirty"));
    assert!(fetched.done.summary.as_ref().unwrap().contains("uncommitted changes"));
    assert_eq!(fetched.text("staged"), "2");
    assert_eq!(fetched.text("link"), "first");
    assert!(fetched.has("new/untracked") && fetched.has("folder/deep"));
    for absent in ["gone", "x.tmp", "outside", ".git"] {
        assert!(!fetched.has(absent), "{absent}");
    }
    assert!(fetched.log.contains("the link `outside` is left out"), "{}", fetched.log);
}

#[tokio::test]
async fn a_name_that_is_not_utf_8_is_told_by_its_bytes() {
    use std::os::unix::ffi::OsStrExt;
    let bench = Bench::new();
    let name = std::ffi::OsStr::from_bytes(b"caf\xe9.txt");
    fs::create_dir(bench.path("tree/menu")).unwrap();
    fs::write(bench.path("tree/menu").join(name), "x").unwrap();
    let dirty = bench.fetch_as(true, |_| {}).await;
    assert!(dirty.log.contains(r"`menu/caf\xe9.txt` is left out"), "{}", dirty.log);
    bench.commit("tree", "other", "second");
    let fetched = bench.fetch_as(false, |_| {}).await;
    assert!(fetched.log.contains(r"`menu/caf\xe9.txt` is left out"), "{}", fetched.log);
}

#[tokio::test]
async fn a_dirty_tree_says_when_it_is_not_meant() {
    let bench = Bench::new();
    bench.write("tree/file", "uncommitted");
    let fetched = bench.fetch_as(true, |work| configure(work, &[("Branch", "main")])).await;
    assert_eq!(fetched.text("file"), "first");
    assert!(
        fetched.log.contains("uncommitted changes stay out") && fetched.log.contains("`Branch`"),
        "{}",
        fetched.log
    );
}

#[tokio::test]
async fn what_a_sparse_checkout_leaves_out_is_not_missing() {
    let bench = Bench::new();
    bench.commit("tree", "kept/a", "1");
    bench.commit("tree", "elsewhere/b", "1");
    bench.git("tree", &["sparse-checkout", "set", "kept"]);
    assert!(!bench.path("tree/elsewhere").exists());
    bench.write("tree/kept/a", "2");
    let fetched = bench.fetch_as(true, |_| {}).await;
    assert_eq!((fetched.text("kept/a"), fetched.text("elsewhere/b")), ("2".to_owned(), "1".to_owned()));
}

#[tokio::test]
async fn a_submodule_is_an_empty_folder_and_a_warning() {
    let bench = Bench::new();
    bench.repository("library");
    bench.commit("library", "inner", "1");
    bench.git("tree", &["submodule", "--quiet", "add", "../library", "vendor/library"]);
    bench.git("tree", &["commit", "-q", "-m", "Add a library"]);
    let committed = bench.fetch(&[]).await;
    bench.write("tree/file", "uncommitted");
    let dirty = bench.fetch_as(true, |_| {}).await;
    for fetched in [committed, dirty] {
        assert!(fetched.files.join("vendor/library").is_dir() && !fetched.has("vendor/library/inner"));
        assert!(fetched.has(".gitmodules"));
        let warned =
            "`vendor/library` is a submodule: the artifact holds an empty folder; give it a source action";
        assert!(fetched.log.contains(warned), "{}", fetched.log);
    }
}

#[tokio::test]
async fn a_large_file_is_its_pointer_with_a_warning_or_itself_where_it_lies() {
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n";
    let bench = Bench::new();
    bench.commit("tree", "large.bin", pointer);
    let committed = bench.fetch(&[]).await;
    assert_eq!(committed.text("large.bin"), pointer);
    let warned = "`large.bin` is kept in Git LFS: the artifact holds its pointer; fetch it in the build";
    assert!(committed.log.contains(warned), "{}", committed.log);
    bench.write("tree/large.bin", "the content");
    let dirty = bench.fetch_as(true, |_| {}).await;
    assert_eq!(dirty.text("large.bin"), "the content");
    assert!(!dirty.log.contains("LFS"), "{}", dirty.log);
}

#[tokio::test]
async fn modes_and_names_are_kept_from_bare_repositories_and_linked_working_trees() {
    let bench = Bench::new();
    bench.write("tree/run.sh", "#!/bin/sh\n");
    fs::set_permissions(bench.path("tree/run.sh"), fs::Permissions::from_mode(0o755)).unwrap();
    let head = bench.commit("tree", "a folder/ü $(x).txt", "1");
    bench.git(".", &["clone", "-q", "--bare", "tree", "bare.git"]);
    bench.git("tree", &["worktree", "add", "-q", "-b", "side", "../linked"]);
    let side = bench.commit("linked", "side", "1");
    for (place, expected) in [("bare.git", head), ("linked", side)] {
        let fetched = bench.fetch(&[("RepositoryPath", bench.path(place).to_str().unwrap())]).await;
        assert_eq!(fetched.commit(), expected, "{place}");
        assert_eq!(fetched.text("a folder/ü $(x).txt"), "1");
        let mode = fs::metadata(fetched.files.join("run.sh")).unwrap().permissions().mode();
        assert_eq!(mode & 0o111, 0o111, "{place}");
    }
}

#[tokio::test]
async fn what_is_no_repository_that_can_be_read_is_refused_with_a_way_out() {
    let bench = Bench::new();
    fs::create_dir(bench.path("plain")).unwrap();
    fs::create_dir(bench.path("new")).unwrap();
    bench.git("new", &["init", "-q", "--object-format=sha256"]);
    bench.git(".", &["init", "-q", "empty"]);
    let at = |name: &str| bench.path(name).to_str().unwrap().to_owned();
    let refused = async |path: &str| bench.refused(|work| configure(work, &[("RepositoryPath", path)])).await;
    let plain = refused(&at("plain")).await;
    assert_eq!(plain.code, "ConfigurationError");
    assert!(
        plain.message.contains("is no git repository") && plain.message.contains("RepositoryPath"),
        "{plain:?}"
    );
    let sha256 = refused(&at("new")).await;
    assert_eq!(sha256.code, "ConfigurationError", "{sha256:?}");
    assert!(sha256.message.contains("git fast-export"), "{sha256:?}");
    let empty = refused(&at("empty")).await;
    assert!(empty.message.contains("no commit yet"), "{empty:?}");
    fs::create_dir(bench.path("nowhere")).unwrap();
    let missing = refused(Path::new(&at("nowhere")).join("gone").to_str().unwrap()).await;
    assert_eq!(missing.code, "ConfigurationError", "{missing:?}");
}

#[tokio::test]
async fn a_partial_clone_is_refused_with_a_way_out() {
    let bench = Bench::new();
    bench.git("tree", &["config", "uploadpack.allowFilter", "true"]);
    let url = format!("file://{}", bench.path("tree").display());
    bench.git(".", &["clone", "-q", "--no-checkout", "--filter=blob:none", &url, "partial"]);
    let path = bench.path("partial");
    let error = bench.refused(|work| configure(work, &[("RepositoryPath", path.to_str().unwrap())])).await;
    assert_eq!(error.code, "RevisionUnavailable", "{error:?}");
    assert!(error.message.contains("git fetch --refetch --no-filter"), "{error:?}");
    bench.git("partial", &["fetch", "-q", "--refetch", "--no-filter"]);
    assert_eq!(bench.fetch(&[("RepositoryPath", path.to_str().unwrap())]).await.text("file"), "first");
}

async fn succeeded(source: &GitSource, number: u32) -> Done {
    let begun = source.start(&work(number), false).await.unwrap();
    let Begun::Ended(Ending::Succeeded(done)) = begun else { panic!("{begun:?}") };
    *done
}

/// The same bytes, whatever the commit before was like.
#[tokio::test]
async fn what_is_taken_over_from_the_latest_zip_is_what_a_new_server_would_read() {
    let bench = Bench::new();
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 1\n";
    bench.write("tree/large", pointer);
    bench.write("tree/docs/long", &"some text ".repeat(200));
    bench.write("tree/tool", "#!/bin/sh\n");
    bench.write("tree/moved", "a file that moves");
    let (lasting, _staying) = bench.source(false, "artifacts");
    let change: [&dyn Fn(&Path); 5] = [
        &|_| {},
        &|tree| fs::set_permissions(tree.join("tool"), fs::Permissions::from_mode(0o755)).unwrap(),
        &|tree| fs::rename(tree.join("moved"), tree.join("docs/moved")).unwrap(),
        &|tree| fs::remove_file(tree.join("tool")).and_then(|()| symlink("file", tree.join("tool"))).unwrap(),
        &|tree| fs::remove_dir_all(tree.join("docs")).unwrap(),
    ];
    for (number, change) in (1..).zip(change) {
        change(&bench.path("tree"));
        bench.commit("tree", "file", &format!("commit {number}"));
        let done = succeeded(&lasting, number).await;
        let (fresh, _staying) = bench.source(false, &format!("others-{number}"));
        let same = succeeded(&fresh, number + 100).await;
        assert_eq!(done.artifacts[0].sha256, same.artifacts[0].sha256, "commit {number}");
        assert_eq!(done.revision, same.revision);
        let log = LogFiles::new(&bench.path("logs")).last_lines(&work(number).attempt, 9).unwrap().join("\n");
        assert!(log.contains("`large` is kept in Git LFS"), "it is said each time: {log}");
    }
}

#[tokio::test]
async fn what_cannot_be_fetched_ahead_is_told_of_when_it_is_owed() {
    let bench = Bench::new();
    let (source, _staying) = bench.source(false, "artifacts");
    let mut work = work(1);
    work.revision_override = asked("COMMIT_ID", "deadbeefdeadbeefdeadbeefdeadbeefdeadbeef");
    assert_eq!(source.ahead(&work).await, None);
    let begun = source.start(&work, false).await.unwrap();
    assert!(matches!(begun, Begun::Ended(Ending::Failed { .. })), "{begun:?}");
}

/// The commit that was to tell of it failed, or the server was killed; the same start comes again, and the branch has moved.
#[tokio::test]
async fn what_was_fetched_ahead_and_never_told_of_binds_nobody() {
    let bench = Bench::new();
    let first = {
        let (source, _staying) = bench.source(false, "artifacts");
        ahead(&source, &work(1)).await
    };
    let moved = bench.commit("tree", "file", "second");
    let (source, _staying) = bench.source(false, "artifacts");
    let second = ahead(&source, &work(1)).await;
    assert_eq!(second.revision.as_ref().unwrap().id, moved);
    assert_eq!(second.variables["CommitId"], moved);
    assert_ne!(second.artifacts[0].sha256, first.artifacts[0].sha256, "the commit's own bytes");
    let objects = Objects::open(&bench.path("artifacts")).unwrap();
    for artifact in [&first.artifacts[0], &second.artifacts[0]] {
        assert!(objects.checked(artifact).is_ok(), "{artifact:?}");
    }
    // Once it is told of, the attempt keeps to it.
    let third = succeeded(&source, 1).await;
    bench.commit("tree", "file", "third");
    assert_eq!(succeeded(&source, 1).await.revision, third.revision);
}

async fn ahead(source: &GitSource, work: &Work) -> Done {
    loop {
        // What takes longer than a moment is there the next time.
        if let Some(done) = source.ahead(work).await {
            return done;
        }
    }
}
