//! GitHub's archive of a commit (tar.gz with one top folder) as an artifact: a zip without that folder.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use flate2::read::GzDecoder;
use penstock_archive::{ArchiveError, Writer};
use tar::Entry;

/// The most bytes that a source may extract to.
const MAX_BYTES: u64 = 4 << 30;

/// What was left out of the artifact.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct LeftOut {
    /// Links that leave the repository; a zip that holds one would be refused by its consumers.
    pub(crate) links: Vec<String>,
}

/// Writes the zip of the archive at `tar_gz` to `zip`, its top folder stripped.
///
/// # Errors
/// A sentence that says what of the archive is wrong.
pub(crate) fn convert(tar_gz: &Path, zip: &Path) -> Result<LeftOut, String> {
    convert_up_to(MAX_BYTES, tar_gz, zip)
}

fn convert_up_to(limit: u64, tar_gz: &Path, zip: &Path) -> Result<LeftOut, String> {
    let file = File::open(tar_gz).map_err(|error| format!("opening the downloaded archive: {error}"))?;
    let bounded = GzDecoder::new(BufReader::new(file)).take(limit);
    let mut archive = tar::Archive::new(bounded);
    let mut writer = Writer::create(zip).map_err(|error| error.to_string())?;
    let mut left_out = LeftOut::default();
    let entries = archive.entries().map_err(|error| format!("reading the archive: {error}"))?;
    for entry in entries {
        let entry = entry.map_err(|error| format!("reading the archive: {error}"))?;
        add(entry, &mut writer, &mut left_out)?;
    }
    // Cut at the limit just before an entry, the archive looks as if it ended there.
    if archive.into_inner().limit() == 0 {
        return Err(format!("it extracts to more than {limit} bytes"));
    }
    writer.finish().map_err(|error| error.to_string())?;
    Ok(left_out)
}

fn add<R: Read>(entry: Entry<'_, R>, writer: &mut Writer, left_out: &mut LeftOut) -> Result<(), String> {
    let path =
        entry.path().map_err(|error| format!("an entry's name: {error}"))?.to_string_lossy().into_owned();
    let Some(name) = below_top(&path) else {
        return Ok(());
    };
    if name.split('/').any(|part| part == "..") {
        return Err(format!("the archive's entry `{}` has `..`", path.escape_debug()));
    }
    let mode = entry.header().mode().unwrap_or(0o644);
    let size = entry.size();
    let kind = entry.header().entry_type();
    if kind.is_file() {
        writer.file(name, mode, size, entry).map_err(|error| error.to_string())
    } else if kind.is_dir() {
        writer.folder(name.trim_end_matches('/'), mode).map_err(|error| error.to_string())
    } else if kind.is_symlink() {
        add_link(&entry, name, writer, left_out)
    } else if kind.is_pax_global_extensions() || kind.is_pax_local_extensions() {
        Ok(())
    } else {
        Err(format!("the archive's entry `{}` is neither a file, a folder nor a link", path.escape_debug()))
    }
}

fn add_link<R: Read>(
    entry: &Entry<'_, R>,
    name: &str,
    writer: &mut Writer,
    left_out: &mut LeftOut,
) -> Result<(), String> {
    let target = entry
        .link_name()
        .ok()
        .flatten()
        .map(|target| target.to_string_lossy().into_owned())
        .unwrap_or_default();
    match writer.link(name, &target) {
        Err(ArchiveError::Refused { .. }) => left_out.links.push(name.to_owned()),
        other => other.map_err(|error| error.to_string())?,
    }
    Ok(())
}

/// The part of `path` below the top folder; `None` for the top folder itself.
fn below_top(path: &str) -> Option<&str> {
    path.split_once('/').map(|(_, name)| name).filter(|name| !name.is_empty())
}

#[cfg(test)]
pub(crate) mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use penstock_archive::{Limits, extract};

    use tar::EntryType;

    use super::*;

    /// An archive as GitHub makes it: a global header, a top folder, files and links.
    pub(crate) fn archive(files: &[(&str, u32, &str)], links: &[(&str, &str)]) -> Vec<u8> {
        let mut builder = tar::Builder::new(GzEncoder::new(vec![], Compression::fast()));
        for (name, mode, content) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            header.set_mode(*mode);
            header.set_cksum();
            builder.append_data(&mut header, format!("owner-repo-abc/{name}"), content.as_bytes()).unwrap();
        }
        for (name, target) in links {
            let mut header = tar::Header::new_gnu();
            header.set_entry_type(EntryType::Symlink);
            header.set_size(0);
            header.set_mode(0o777);
            builder.append_link(&mut header, format!("owner-repo-abc/{name}"), target).unwrap();
        }
        builder.into_inner().unwrap().finish().unwrap()
    }

    #[test]
    fn the_top_folder_is_stripped_and_leaving_links_are_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let (tar_gz, zip, out) = (folder.path().join("a"), folder.path().join("b"), folder.path().join("c"));
        let bytes = archive(&[("bin/x", 0o755, "hi")], &[("ok", "bin/x"), ("bad", "/etc/passwd")]);
        File::create(&tar_gz).unwrap().write_all(&bytes).unwrap();
        assert_eq!(convert(&tar_gz, &zip).unwrap().links, ["bad"]);
        extract(&zip, &out, Limits::default()).unwrap();
        assert_eq!(std::fs::read_to_string(out.join("ok")).unwrap(), "hi");
    }

    #[test]
    fn an_archive_that_is_cut_at_the_limit_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let tar_gz = folder.path().join("a");
        std::fs::write(&tar_gz, archive(&[("one", 0o644, "1"), ("two", 0o644, "2")], &[])).unwrap();
        let convert = |limit, name| convert_up_to(limit, &tar_gz, &folder.path().join(name));
        // A header and a block of content: just what the first file takes.
        assert!(convert(1024, "b").unwrap_err().contains("more than 1024 bytes"));
        assert!(convert(1 << 20, "c").is_ok());
    }
}
