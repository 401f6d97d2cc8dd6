//! Extraction under limits, into an empty folder, of a zip that is not trusted.

use std::collections::HashSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, Cursor, Read, Seek, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, symlink};
use std::path::Path;
use std::sync::LazyLock;

use zip::ZipArchive;
use zip::read::ZipFile;

use crate::name::{clean, slashed};
use crate::{ArchiveError, check_link};

/// How much an archive may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The most bytes once extracted.
    pub bytes: u64,
    /// The most entries.
    pub files: usize,
    /// The most extracted bytes for each byte of the archive, counted beyond the first 16 MiB.
    pub ratio: u64,
}

impl Default for Limits {
    /// 10 GiB, 500,000 entries, 200 to 1.
    fn default() -> Self {
        Self { bytes: 10 << 30, files: 500_000, ratio: 200 }
    }
}

/// Below this many extracted bytes the ratio is not looked at: small text compresses very well.
const RATIO_FROM: u64 = 16 << 20;
/// The longest link target.
const MAX_TARGET: u64 = 4096;

/// What was extracted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Extracted {
    /// Files, links and folders.
    pub entries: usize,
    /// Bytes of the files.
    pub bytes: u64,
}

/// Extracts the zip at `archive` into the empty or missing folder `into`.
///
/// A backslash is a character like any other, but separates in a name without a slash that was written on Windows.
/// Refused are absolute names, `..`, names that stand twice, entries below a link, links that leave the folder, devices
/// and everything else that is neither file, folder nor link, and archives beyond `limits`. Set-id bits are dropped.
///
/// # Errors
/// [`ArchiveError`]; what was extracted before stays in `into` for the caller to remove.
pub fn extract(archive: &Path, into: &Path, limits: Limits) -> Result<Extracted, ArchiveError> {
    let file = File::open(archive).map_err(ArchiveError::io(format!("opening {}", archive.display())))?;
    let packed = file.metadata().map_err(ArchiveError::io(format!("reading {}", archive.display())))?.len();
    extract_all(BufReader::new(file), packed, into, limits)
}

/// Like [`extract`], from a zip in memory.
///
/// # Errors
/// As [`extract`].
pub fn extract_bytes(archive: &[u8], into: &Path, limits: Limits) -> Result<Extracted, ArchiveError> {
    extract_all(Cursor::new(archive), archive.len() as u64, into, limits)
}

fn extract_all(
    archive: impl Read + Seek,
    packed: u64,
    into: &Path,
    limits: Limits,
) -> Result<Extracted, ArchiveError> {
    let mut zip = ZipArchive::new(archive)?;
    if zip.len() > limits.files {
        return Err(ArchiveError::TooLarge(format!(
            "it has {} entries; at most {} are taken",
            zip.len(),
            limits.files
        )));
    }
    fs::create_dir_all(into).map_err(ArchiveError::io(format!("creating {}", into.display())))?;
    let budget = limits.bytes.min(packed.saturating_mul(limits.ratio).max(RATIO_FROM));
    let mut run = Run { into, budget, folders: HashSet::new(), links: vec![], done: Extracted::default() };
    for index in 0..zip.len() {
        run.entry(&mut zip.by_index(index)?)?;
    }
    run.links()?;
    Ok(run.done)
}

struct Run<'a> {
    into: &'a Path,
    budget: u64,
    folders: HashSet<String>,
    links: Vec<(String, String)>,
    done: Extracted,
}

impl Run<'_> {
    fn entry<R: Read>(&mut self, entry: &mut ZipFile<'_, R>) -> Result<(), ArchiveError> {
        let name = slashed(entry.name()?, entry.system()).into_owned();
        let path = clean(&name)?;
        self.done.entries += 1;
        let mode = entry.unix_mode().unwrap_or(0o644);
        match mode & 0o170_000 {
            0o040_000 => self.folder(&path),
            _ if name.ends_with('/') => self.folder(&path),
            0o120_000 => self.remember_link(path, entry),
            0 | 0o100_000 => self.file(&path, mode & 0o777, entry),
            _ => Err(ArchiveError::refused(&name, "it is neither a file, a folder nor a link")),
        }
    }

    fn folder(&mut self, path: &str) -> Result<(), ArchiveError> {
        if path.is_empty() || self.folders.contains(path) {
            return Ok(());
        }
        fs::create_dir_all(self.into.join(path)).map_err(at_entry("creating the folder", path))?;
        self.folders.insert(path.to_owned());
        Ok(())
    }

    fn file(&mut self, path: &str, mode: u32, content: &mut impl Read) -> Result<(), ArchiveError> {
        if let Some((parent, _)) = path.rsplit_once('/') {
            self.folder(parent)?;
        }
        let left = self.budget - self.done.bytes;
        // Owner may always write: a build must be able to clean its own folder.
        let mode = mode | 0o600;
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(self.into.join(path))
            .map_err(at_entry("creating", path))?;
        let written = io::copy(&mut content.take(left + 1), &mut file)
            .and_then(|written| file.flush().map(|()| written))
            .map_err(at_entry("extracting", path))?;
        if written > left {
            return Err(ArchiveError::TooLarge(format!("it extracts to more than {} bytes", self.budget)));
        }
        self.done.bytes += written;
        if mode & masked() == 0 {
            return Ok(());
        }
        file.set_permissions(fs::Permissions::from_mode(mode))
            .map_err(ArchiveError::io(format!("setting the mode of `{path}`")))
    }

    fn remember_link(&mut self, path: String, content: &mut impl Read) -> Result<(), ArchiveError> {
        let mut target = String::new();
        content
            .take(MAX_TARGET)
            .read_to_string(&mut target)
            .map_err(|_| ArchiveError::refused(&path, "its link target is no text"))?;
        check_link(&path, &target).map_err(|reason| ArchiveError::refused(&path, reason))?;
        self.links.push((path, target));
        Ok(())
    }

    /// Links come last, so that no file is ever written through one.
    fn links(&mut self) -> Result<(), ArchiveError> {
        for (path, _) in &self.links {
            if self.folders.contains(path) {
                return Err(ArchiveError::refused(path, "a link and a folder have the same name"));
            }
        }
        let names: HashSet<&str> = self.links.iter().map(|(path, _)| path.as_str()).collect();
        for (path, target) in &self.links {
            let mut parent = path.as_str();
            while let Some((above, _)) = parent.rsplit_once('/') {
                if names.contains(above) {
                    return Err(ArchiveError::refused(path, "it lies below a link"));
                }
                parent = above;
            }
            let place = self.into.join(path);
            if let Some(folder) = place.parent() {
                fs::create_dir_all(folder).map_err(at_entry("creating the folder of", path))?;
            }
            symlink(target, &place).map_err(at_entry("creating the link", path))?;
        }
        Ok(())
    }
}

/// The system's answer at an entry: what lies in the archive is refused, for it stays so; the rest is the disk's.
fn at_entry<'p>(what: &'static str, path: &'p str) -> impl FnOnce(io::Error) -> ArchiveError + use<'p> {
    use io::ErrorKind as Kind;
    move |error| {
        let kind = error.kind();
        if matches!(kind, Kind::AlreadyExists | Kind::NotADirectory | Kind::IsADirectory) {
            ArchiveError::refused(path, "another entry has its name, or is a file where it needs a folder")
        } else if kind == Kind::InvalidFilename {
            ArchiveError::refused(path, "its name is too long")
        } else if matches!(kind, Kind::InvalidData | Kind::InvalidInput | Kind::UnexpectedEof) {
            ArchiveError::refused(path, format!("its content is damaged: {error}"))
        } else {
            ArchiveError::io(format!("{what} `{path}`"))(error)
        }
    }
}

/// The bits that the system takes from the modes of new files: this process's umask, all of them if it is not known.
fn masked() -> u32 {
    static MASKED: LazyLock<u32> = LazyLock::new(|| {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let umask = status.lines().find_map(|line| line.strip_prefix("Umask:"));
        umask.and_then(|octal| u32::from_str_radix(octal.trim(), 8).ok()).unwrap_or(0o777)
    });
    *MASKED
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Writer;
    use zip::write::SimpleFileOptions;

    fn raw(entries: &[(&str, &str, u32)]) -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.zip");
        let mut zip = zip::ZipWriter::new(File::create(&path).unwrap());
        for (name, content, mode) in entries {
            if mode & 0o170_000 == 0o120_000 {
                zip.add_symlink(*name, *content, SimpleFileOptions::default()).unwrap();
            } else {
                let options = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
                zip.start_file(*name, options.unix_permissions(*mode)).unwrap();
                zip.write_all(content.as_bytes()).unwrap();
            }
        }
        zip.finish().unwrap();
        (folder, path)
    }

    const LINK: u32 = 0o120_777;

    #[test]
    fn what_is_written_comes_back_alike() {
        let folder = tempfile::tempdir().unwrap();
        let zip = folder.path().join("a.zip");
        let mut writer = Writer::create(&zip).unwrap();
        writer.file("bin/go", 0o755, 3, &b"go\n"[..]).unwrap();
        writer.link("run", "bin/go").unwrap();
        writer.folder("empty", 0o755).unwrap();
        writer.finish().unwrap();
        let out = folder.path().join("out");
        let done = extract(&zip, &out, Limits::default()).unwrap();
        assert_eq!(done, Extracted { entries: 3, bytes: 3 });
        assert_eq!(fs::read(out.join("run")).unwrap(), b"go\n");
        assert_eq!(fs::metadata(out.join("bin/go")).unwrap().permissions().mode() & 0o777, 0o755);
        assert!(out.join("empty").is_dir());
    }

    #[test]
    fn the_same_entries_give_the_same_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let bytes = |name: &str| {
            let path = folder.path().join(name);
            let mut writer = Writer::create(&path).unwrap();
            writer.file("a", 0o644, 1000, &[b'x'; 1000][..]).unwrap();
            writer.finish().unwrap();
            fs::read(path).unwrap()
        };
        assert_eq!(bytes("1"), bytes("2"));
    }

    #[test]
    fn a_zip_that_outgrows_memory_comes_back_alike() {
        let folder = tempfile::tempdir().unwrap();
        let zip = folder.path().join("a.zip");
        let noise: Vec<u8> = (0..400_000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        let mut writer = Writer::create(&zip).unwrap();
        for name in ["a", "b", "c"] {
            writer.file(name, 0o644, noise.len() as u64, noise.as_slice()).unwrap();
        }
        writer.finish().unwrap();
        let out = folder.path().join("out");
        extract(&zip, &out, Limits::default()).unwrap();
        for name in ["a", "b", "c"] {
            assert!(fs::read(out.join(name)).unwrap() == noise);
        }
    }

    #[test]
    fn what_reaches_outside_is_refused() {
        for entries in [
            &[("../a", "x", 0o644)][..],
            &[("/a", "x", 0o644)],
            &[("a/../../b", "x", 0o644)],
            &[("l", "/etc", LINK)],
            &[("l", "../x", LINK)],
            &[("d/l", "../../x", LINK)],
            &[("b", ".", LINK), ("a", "b/../x", LINK)],
            &[("l", ".", LINK), ("l/x", "y", LINK)],
            &[("l", "d", LINK), ("l/x", "y", 0o644)],
        ] {
            let (folder, zip) = raw(entries);
            let out = folder.path().join("out");
            let refusal = extract(&zip, &out, Limits::default());
            assert!(refusal.is_err(), "{entries:?} gave {refusal:?}");
            assert!(!folder.path().join("x").exists() && !folder.path().join("b").exists());
        }
    }

    #[test]
    fn what_stays_wrong_is_no_fault_of_the_disk() {
        let long = "n".repeat(300);
        for entries in
            [&[("a", "x", 0o644), ("a/b", "x", 0o644)][..], &[("a/b", "x", 0o644), ("a", "x", 0o644)]]
                .into_iter()
                .chain([&[(long.as_str(), "x", 0o644)][..]])
        {
            let (folder, zip) = raw(entries);
            let refused = extract(&zip, &folder.path().join("out"), Limits::default());
            assert!(matches!(refused, Err(ArchiveError::Refused { .. })), "{refused:?}");
        }
        let (folder, zip) = raw(&[("a", "intact", 0o644)]);
        let mut bytes = fs::read(&zip).unwrap();
        let at = bytes.windows(6).position(|window| window == b"intact").unwrap();
        bytes[at] = b'X';
        let refused = extract_bytes(&bytes, &folder.path().join("out"), Limits::default());
        assert!(matches!(refused, Err(ArchiveError::Refused { .. })), "{refused:?}");
    }

    #[test]
    fn a_backslash_is_part_of_a_name_written_on_unix() {
        let folder = tempfile::tempdir().unwrap();
        let (zip, out) = (folder.path().join("a.zip"), folder.path().join("out"));
        let names = [r"units/dev-disk-by\x2duuid.swap", r"..\up", r"end\"];
        let mut writer = Writer::create(&zip).unwrap();
        for name in names {
            writer.file(name, 0o644, 1, &b"x"[..]).unwrap();
        }
        writer.folder(r"empty\", 0o755).unwrap();
        writer.link("link", names[0]).unwrap();
        writer.finish().unwrap();
        assert_eq!(extract(&zip, &out, Limits::default()).unwrap().entries, 5);
        for name in names.into_iter().chain(["link"]) {
            assert_eq!(fs::read(out.join(name)).unwrap(), b"x", "{name}");
            let read = crate::read_entry(&zip, name, 9);
            assert!(name == "link" || read.unwrap().is_some(), "{name}");
        }
        assert!(out.join(r"empty\").is_dir());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn a_backslash_separates_in_a_name_written_on_windows() {
        let folder = tempfile::tempdir().unwrap();
        let zip = |name: &str, entries: &[&str]| {
            let path = folder.path().join(name);
            let mut zip = zip::ZipWriter::new(File::create(&path).unwrap());
            for entry in entries {
                let options = SimpleFileOptions::default().system(zip::System::Dos);
                zip.start_file(*entry, options).unwrap();
                zip.write_all(b"x").unwrap();
            }
            zip.finish().unwrap();
            path
        };
        let (path, out) = (zip("a.zip", &[r"bin\go.exe", r"c/d\e", r"empty\"]), folder.path().join("out"));
        extract(&path, &out, Limits::default()).unwrap();
        assert!(
            out.join("bin/go.exe").is_file() && out.join(r"c/d\e").is_file() && out.join("empty").is_dir()
        );
        assert!(crate::read_entry(&path, "bin/go.exe", 9).unwrap().is_some());
        for name in [r"..\up", r"a\..\..\up", r"\up"] {
            let refused = extract(&zip("b.zip", &[name]), &folder.path().join("b"), Limits::default());
            assert!(matches!(refused, Err(ArchiveError::Refused { .. })), "{name}: {refused:?}");
        }
    }

    #[test]
    fn limits_hold() {
        let (folder, zip) = raw(&[("a", "0123456789", 0o644), ("b", "0123456789", 0o644)]);
        let bytes = Limits { bytes: 15, ..Limits::default() };
        assert!(matches!(extract(&zip, &folder.path().join("1"), bytes), Err(ArchiveError::TooLarge(_))));
        let files = Limits { files: 1, ..Limits::default() };
        assert!(matches!(extract(&zip, &folder.path().join("2"), files), Err(ArchiveError::TooLarge(_))));
    }

    #[test]
    fn a_bomb_is_refused_by_its_ratio() {
        let folder = tempfile::tempdir().unwrap();
        let zip = folder.path().join("a.zip");
        let mut writer = Writer::create(&zip).unwrap();
        writer.file("a", 0o644, 64 << 20, io::repeat(0).take(64 << 20)).unwrap();
        writer.finish().unwrap();
        let limits = Limits { ratio: 100, ..Limits::default() };
        assert!(matches!(extract(&zip, &folder.path().join("out"), limits), Err(ArchiveError::TooLarge(_))));
    }

    #[test]
    fn set_id_bits_are_dropped() {
        let (folder, zip) = raw(&[("a", "x", 0o4755)]);
        extract(&zip, &folder.path().join("out"), Limits::default()).unwrap();
        let mode = fs::metadata(folder.path().join("out/a")).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o755);
    }

    proptest::proptest! {
        #[test]
        fn damaged_archives_never_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..400)) {
            let folder = tempfile::tempdir().unwrap();
            let zip = folder.path().join("a.zip");
            fs::write(&zip, bytes).unwrap();
            let _ = extract(&zip, &folder.path().join("out"), Limits::default());
        }
    }
}
