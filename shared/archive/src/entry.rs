//! One file out of a zip that is not trusted, without extracting the others.

use std::borrow::Cow;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use zip::ZipArchive;

use crate::ArchiveError;
use crate::name::{clean, slashed};

/// Reads the file called `name`, of at most `limit` bytes, out of the zip at `archive`. `None` if there is none.
///
/// # Errors
/// [`ArchiveError`] if the zip is damaged, the entry is no plain file, or it has more than `limit` bytes.
pub fn read_entry(archive: &Path, name: &str, limit: u64) -> Result<Option<Vec<u8>>, ArchiveError> {
    let file = File::open(archive).map_err(ArchiveError::io(format!("opening {}", archive.display())))?;
    let mut zip = ZipArchive::new(BufReader::new(file))?;
    let wanted = clean(name)?;
    let Some(index) = position(&mut zip, &wanted)? else {
        return Ok(None);
    };
    let mut entry = zip.by_index(index)?;
    let is_folder = slashed(entry.name()?, entry.system()).ends_with('/');
    if !matches!(entry.unix_mode().unwrap_or(0o644) & 0o170_000, 0 | 0o100_000) || is_folder {
        return Err(ArchiveError::refused(name, "it is no plain file"));
    }
    let mut content = vec![];
    entry
        .by_ref()
        .take(limit + 1)
        .read_to_end(&mut content)
        .map_err(ArchiveError::io(format!("reading `{wanted}`")))?;
    if content.len() as u64 > limit {
        return Err(ArchiveError::TooLarge(format!("its entry `{wanted}` has more than {limit} bytes")));
    }
    Ok(Some(content))
}

/// Where the entry called `wanted` stands.
fn position(zip: &mut ZipArchive<BufReader<File>>, wanted: &str) -> Result<Option<usize>, ArchiveError> {
    let is_wanted = |name: &str| clean(name).is_ok_and(|name| name == wanted);
    if let Some(index) = zip.file_names().position(|entry| entry.is_ok_and(|entry| is_wanted(&entry))) {
        return Ok(Some(index));
    }
    let backslashed = |name: &str| is_wanted(&name.replace('\\', "/"));
    let Some(index) = zip.file_names().position(|entry| entry.is_ok_and(|entry| backslashed(&entry))) else {
        return Ok(None);
    };
    let entry = zip.by_index_raw(index)?;
    Ok(is_wanted(&slashed(entry.name()?, entry.system())).then_some(index))
}

/// The names of the files, folders and links in the zip at `archive`, as they are written there.
///
/// # Errors
/// [`ArchiveError`] if the zip is damaged.
pub fn entry_names(archive: &Path) -> Result<Vec<String>, ArchiveError> {
    let file = File::open(archive).map_err(ArchiveError::io(format!("opening {}", archive.display())))?;
    let zip = ZipArchive::new(BufReader::new(file))?;
    let names: Result<Vec<_>, _> = zip.file_names().map(|name| name.map(Cow::into_owned)).collect();
    Ok(names?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Writer;

    #[test]
    fn one_file_is_read_within_its_limit() {
        let folder = tempfile::tempdir().unwrap();
        let zip = folder.path().join("a.zip");
        let mut writer = Writer::create(&zip).unwrap();
        writer.file("conf/a.json", 0o644, 2, &b"{}"[..]).unwrap();
        writer.folder("empty", 0o755).unwrap();
        writer.link("link", "conf/a.json").unwrap();
        writer.finish().unwrap();
        assert_eq!(read_entry(&zip, "conf/a.json", 2).unwrap().as_deref(), Some(&b"{}"[..]));
        assert_eq!(read_entry(&zip, "./conf//a.json", 2).unwrap().as_deref(), Some(&b"{}"[..]));
        assert!(matches!(read_entry(&zip, "conf/a.json", 1), Err(ArchiveError::TooLarge(_))));
        assert_eq!(read_entry(&zip, "conf/b.json", 2).unwrap(), None);
        assert!(matches!(read_entry(&zip, "link", 99), Err(ArchiveError::Refused { .. })));
        assert!(matches!(read_entry(&zip, "../conf/a.json", 99), Err(ArchiveError::Refused { .. })));
        assert_eq!(entry_names(&zip).unwrap().len(), 3);
    }
}
