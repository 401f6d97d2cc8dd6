//! `MiniStack` with a bucket, the stand-in before it, and sources to build.

use std::fs::File;
use std::io::Cursor;
use std::path::Path;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use penstock_archive::Writer;
use penstock_testkit::emulator::{Emulator, MiniStack};
use penstock_testkit::python::{Environment, Requirements};
use penstock_tests::code_build_stand_in::{CodeBuildStandIn, Settings};
use serde_json::Value as Json;

static EMULATOR: LazyLock<Emulator> = LazyLock::new(|| MiniStack::new().start());

/// How long anything here may take.
const LONG: Duration = Duration::from_secs(120);

/// A stand-in of one's own, and a versioned bucket.
pub(crate) struct Place {
    pub(crate) stand_in: CodeBuildStandIn,
    pub(crate) bucket: String,
    pub(crate) http: reqwest::Client,
}

impl Place {
    pub(crate) async fn new(bucket: &str) -> Self {
        Self::building_in("us-east-1", bucket).await
    }

    /// The same, whose builds run in `region`.
    pub(crate) async fn building_in(region: &str, bucket: &str) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut settings = Settings::new(&EMULATOR.url());
        region.clone_into(&mut settings.region);
        let programs = Environment::of(Requirements::Emulators).programs();
        let stand_in = CodeBuildStandIn::start(settings.checking_requests_with(&programs));
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let place = Self { stand_in, bucket: bucket.to_owned(), http };
        place.put("", vec![]).await;
        let versioned = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>";
        place.put("?versioning", versioned.into()).await;
        place
    }

    pub(crate) fn endpoint() -> String {
        EMULATOR.url()
    }

    /// Puts an object, or the bucket itself; says which version it became.
    pub(crate) async fn put(&self, key: &str, bytes: Vec<u8>) -> Option<String> {
        let url = format!("{}/{}/{key}", EMULATOR.url(), self.bucket);
        let answer = self.http.put(url).body(bytes).send().await.unwrap();
        assert!(answer.status().is_success(), "{}", answer.status());
        answer.headers().get("x-amz-version-id").map(|id| id.to_str().unwrap().to_owned())
    }

    /// The object at `location`, an ARN.
    pub(crate) async fn get(&self, location: &str) -> Vec<u8> {
        let path = location.strip_prefix("arn:aws:s3:::").unwrap();
        let answer = self.http.get(format!("{}/{path}", EMULATOR.url())).send().await.unwrap();
        assert!(answer.status().is_success(), "{location}: {}", answer.status());
        answer.bytes().await.unwrap().into()
    }

    /// Waits until the only build of `project` is complete.
    pub(crate) async fn complete(&self, project: &str) -> Json {
        let deadline = Instant::now() + LONG;
        loop {
            let build = self.stand_in.builds(project).into_iter().next();
            match build {
                Some(build) if build["buildComplete"] == true => return build,
                other => assert!(Instant::now() < deadline, "it does not end: {other:?}"),
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

/// A zip of `files`.
pub(crate) fn zip(files: &[(&str, &str)]) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("source.zip");
    let mut writer = Writer::create(&path).unwrap();
    for (name, text) in files {
        writer.file(name, 0o644, text.len() as u64, Cursor::new(text.as_bytes())).unwrap();
    }
    writer.finish().unwrap();
    std::fs::read(path).unwrap()
}

/// The text of a file in a zip.
pub(crate) fn unzipped(bytes: &[u8], name: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let (path, into) = (folder.path().join("a.zip"), folder.path().join("a"));
    std::io::copy(&mut &*bytes, &mut File::create(&path).unwrap()).unwrap();
    penstock_archive::extract(&path, &into, penstock_archive::Limits::default()).unwrap();
    std::fs::read_to_string(Path::new(&into).join(name)).unwrap()
}
