//! The end of a build: reports, artifacts and cache; and the cache's beginning.

use std::path::PathBuf;

use super::build::{Break, Build, Problem};
use super::outcome::{Artifact, Outcome};
use super::shell::NoAnswer;
use crate::artifacts::{self, Collection};
use crate::cache::{self, LocalCache};
use crate::definition::{CacheAction, FileSet, ReportGroup};
use crate::files::{Search, folders};
use crate::log::Log;
use crate::reports::Report;

/// Reads reports; if `all`, also writes artifacts and, after a build that `succeeded`, the cache.
pub(super) async fn upload(
    build: &mut Build,
    outcome: &mut Outcome,
    all: bool,
    succeeded: bool,
) -> Result<(), Break> {
    if all {
        build.log.marker("Entering phase UPLOAD_ARTIFACTS");
    }
    for group in &build.request.buildspec.clone().reports {
        let report = masked(read_report(build, group).await?, &build.log);
        report_lines(&report).iter().for_each(|line| build.log.marker(line));
        outcome.reports.push(report);
    }
    if !all {
        return Ok(());
    }
    for (identifier, path) in wanted(build) {
        let set = definition(build, identifier.as_deref())?;
        outcome.artifacts.extend(write_artifact(build, identifier, path, &set).await?);
    }
    if succeeded {
        save_cache(build).await?;
    }
    Ok(())
}

async fn expand(build: &mut Build, text: &str) -> Result<String, Break> {
    let expanded = build.shells.expand(text, &mut build.log, &mut build.halt).await?;
    let message = || format!("the shell cannot expand `{text}` in {}", build.request.source.display());
    expanded.ok_or_else(|| Problem::new("CLIENT_ERROR", message()).into())
}

async fn expand_all(build: &mut Build, texts: &[String]) -> Result<Vec<String>, Break> {
    let mut expanded = Vec::with_capacity(texts.len());
    for text in texts {
        let result = expand(build, text).await?;
        if result != *text {
            build.log.marker(&format!("Expanded to {result}"));
        }
        expanded.push(result);
    }
    Ok(expanded)
}

async fn expand_option(build: &mut Build, text: Option<&String>) -> Result<Option<String>, Break> {
    match text {
        Some(text) => expand(build, text).await.map(Some),
        None => Ok(None),
    }
}

/// Work on files that may take long; a stop or the timeout does not wait for it.
async fn blocking<T: Send + 'static>(
    build: &mut Build,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, NoAnswer> {
    build.log.flush();
    tokio::select! {
        halted = build.halt.halted() => Err(NoAnswer::Halted(halted)),
        done = tokio::task::spawn_blocking(work) => done.map_err(|error| NoAnswer::Io(error.into())),
    }
}

async fn read_report(build: &mut Build, group: &ReportGroup) -> Result<Report, Break> {
    let name = expand(build, &group.name).await?;
    let base = expand_option(build, group.base_directory.as_ref()).await?.unwrap_or_else(|| ".".into());
    let files = expand_all(build, &group.files).await?;
    let (root, format) = (build.request.source.clone(), group.format);
    let read = move || {
        let mut report = Report::new(name, format);
        for base in folders(&root, &base).unwrap_or_default() {
            let search = Search { base: &base, root: &root, links: false };
            for pattern in &files {
                match search.find(pattern) {
                    Ok(matches) => {
                        matches.files.iter().for_each(|(name, found)| report.add(name.clone(), &found.path));
                    }
                    Err(problem) => report.problems.push(problem),
                }
            }
        }
        report
    };
    Ok(blocking(build, read).await?)
}

/// Test cases quote what they compare, and the failing ones' names go further than the log.
fn masked(mut report: Report, log: &Log) -> Report {
    for case in &mut report.failing {
        for text in [&mut case.suite, &mut case.name, &mut case.message] {
            *text = log.masked(text);
        }
    }
    report
}

fn report_lines(report: &Report) -> Vec<String> {
    let name = &report.name;
    if report.files.is_empty() {
        return vec![format!("Report {name}: no report files were found")];
    }
    if report.format.is_coverage() {
        let count = report.files.len();
        return vec![format!("Report {name}: {count} coverage file(s), which are listed but not read here")];
    }
    let (counts, total) = (&report.counts, report.counts.total());
    let mut lines = vec![format!(
        "Report {name}: {total} test case(s), {} succeeded, {} failed, {} error(s), {} skipped, {} unknown",
        counts.succeeded, counts.failed, counts.error, counts.skipped, counts.unknown
    )];
    lines.extend(report.failing.iter().map(|case| {
        let first = case.message.lines().next().unwrap_or_default();
        format!("Report {name}: failed: {} {}: {first}", case.suite, case.name)
    }));
    lines.extend(report.problems.iter().map(|problem| format!("Report {name}: {problem}")));
    lines
}

/// The artifacts that the build is asked for.
fn wanted(build: &Build) -> Vec<(Option<String>, PathBuf)> {
    let outputs = &build.request.outputs;
    let primary = outputs.primary.iter().map(|path| (None, path.clone()));
    let secondary =
        outputs.secondary.iter().map(|(identifier, path)| (Some(identifier.clone()), path.clone()));
    primary.chain(secondary).collect()
}

fn definition(build: &mut Build, identifier: Option<&str>) -> Result<FileSet, Problem> {
    let artifacts = build.request.buildspec.artifacts.as_ref();
    let Some(identifier) = identifier else {
        let primary = artifacts.map(|artifacts| artifacts.primary.clone()).unwrap_or_default();
        if primary.files.is_empty() {
            build.log.marker("no definition for primary artifacts in buildspec");
        }
        return Ok(primary);
    };
    let secondary =
        artifacts.and_then(|artifacts| artifacts.secondary.iter().find(|(name, _)| name == identifier));
    secondary.map(|(_, set)| set.clone()).ok_or_else(|| {
        let message = format!(
            "no definition for the secondary artifact {identifier} in buildspec; add it under `secondary-artifacts`"
        );
        Problem::new("CLIENT_ERROR", message)
    })
}

async fn write_artifact(
    build: &mut Build,
    identifier: Option<String>,
    path: PathBuf,
    set: &FileSet,
) -> Result<Option<Artifact>, Break> {
    if set.files.is_empty() {
        return Ok(None);
    }
    let collection = Collection {
        root: build.request.source.clone(),
        base: expand_option(build, set.base_directory.as_ref()).await?.unwrap_or_else(|| ".".into()),
        files: expand_all(build, &set.files).await?,
        exclude: expand_all(build, &set.exclude_paths).await?,
        discard_paths: set.discard_paths,
        links: set.enable_symlinks,
    };
    let name = expand_option(build, set.name.as_ref()).await?;
    let s3_prefix = expand_option(build, set.s3_prefix.as_ref()).await?;
    let target = path.clone();
    let written = move || {
        let collected = collection.collect()?;
        let written = artifacts::write(&target, &collected.files).map_err(|error| error.to_string());
        Ok((collected, written))
    };
    let (lines, result) = match blocking(build, written).await? {
        Ok((collected, written)) => (collected.lines, written.map(|()| collected.files.len())),
        Err((error, lines)) => (lines, Err(artifacts::CollectError::to_string(&error))),
    };
    lines.iter().for_each(|line| build.log.marker(line));
    let files = result.map_err(|message| Problem::new("CLIENT_ERROR", message))?;
    Ok(Some(Artifact { identifier, name, s3_prefix, path, files }))
}

async fn local_cache(build: &mut Build, other: CacheAction) -> Result<Option<LocalCache>, Break> {
    let buildspec = build.request.buildspec.clone();
    let (Some(cache), Some(folder)) = (&buildspec.cache, build.request.cache.clone()) else {
        return Ok(None);
    };
    if cache.paths.is_empty() || cache.action == other {
        return Ok(None);
    }
    let source = build.request.source.clone();
    let key = match &cache.key {
        Some(key) => Some(expand(build, &cache::expand_hashes(key, &source)?).await?),
        None => None,
    };
    let mut fallback_keys = Vec::new();
    for key in &cache.fallback_keys {
        fallback_keys.push(expand(build, &cache::expand_hashes(key, &source)?).await?);
    }
    let paths = expand_all(build, &cache.paths).await?;
    Ok(Some(LocalCache { folder, source, paths, key, fallback_keys }))
}

/// A cache is a help and never a reason to fail.
pub(super) async fn restore_cache(build: &mut Build) -> Result<(), Break> {
    if let Some(cache) = local_cache(build, CacheAction::Save).await? {
        let restored = blocking(build, move || cache.restore()).await?;
        build.log.marker(
            &restored.unwrap_or_else(|error| format!("Warning: the cache was not restored: {error}")),
        );
    }
    Ok(())
}

async fn save_cache(build: &mut Build) -> Result<(), Break> {
    if let Some(cache) = local_cache(build, CacheAction::Restore).await? {
        let saved = blocking(build, move || cache.save()).await?;
        build.log.marker(&saved.unwrap_or_else(|error| format!("Warning: the cache was not saved: {error}")));
    }
    Ok(())
}
