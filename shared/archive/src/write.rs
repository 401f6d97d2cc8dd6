//! Writing: the same entries give the same bytes, so that a digest tells whether anything changed.

use std::fs::File;
use std::io::{self, BufWriter, Cursor, Read, Seek, SeekFrom, Write};
use std::path::Path;

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipArchive, ZipWriter};

use crate::{ArchiveError, check_link};

/// Files below this many bytes are stored as they are: compressing them costs more than it saves.
const STORED_BELOW: u64 = 256;
/// A zip is held in memory up to this size.
const MOST_HELD: usize = 256 << 10;
/// Entries from this size on need zip64 headers.
const ZIP64_FROM: u64 = u32::MAX as u64;

/// Writes one zip. Times are fixed (1980-01-01); the caller gives entries in a fixed order.
pub struct Writer {
    zip: ZipWriter<Spilling>,
}

impl Writer {
    /// Begins the zip at `path`, which must not exist.
    ///
    /// # Errors
    /// [`ArchiveError::Io`] if the file cannot be created.
    pub fn create(path: &Path) -> Result<Self, ArchiveError> {
        let file =
            File::create_new(path).map_err(ArchiveError::io(format!("creating {}", path.display())))?;
        Ok(Self {
            zip: ZipWriter::new(Spilling {
                file: BufWriter::with_capacity(64 << 10, file),
                held: Some(Cursor::default()),
            }),
        })
    }

    /// Adds a file of `size` bytes; only the permission bits of `mode` count.
    ///
    /// # Errors
    /// [`ArchiveError`] if reading or writing fails or the name stands twice.
    pub fn file(
        &mut self,
        name: &str,
        mode: u32,
        size: u64,
        mut content: impl Read,
    ) -> Result<(), ArchiveError> {
        let method =
            if size < STORED_BELOW { CompressionMethod::Stored } else { CompressionMethod::Deflated };
        let options = options(mode).compression_method(method).large_file(size >= ZIP64_FROM);
        let level = (method == CompressionMethod::Deflated).then_some(1);
        self.zip.start_file(name, options.compression_level(level))?;
        io::copy(&mut content, &mut self.zip)
            .map_err(ArchiveError::io(format!("adding `{name}` to an archive")))?;
        Ok(())
    }

    /// Adds the file `name` as it stands in `earlier`, without compressing it again: what comes of it is what
    /// [`Self::file`] makes of the same content and mode. `false` if it does not stand there.
    ///
    /// # Errors
    /// [`ArchiveError`] if `earlier` is damaged, writing fails or the name stands twice.
    pub fn file_of(&mut self, earlier: &mut Earlier, name: &str) -> Result<bool, ArchiveError> {
        let Some(index) = earlier.0.index_for_name(name) else { return Ok(false) };
        self.zip.raw_copy_file(earlier.0.by_index_raw(index)?)?;
        Ok(true)
    }

    /// Adds an empty folder.
    ///
    /// # Errors
    /// [`ArchiveError`] if writing fails.
    pub fn folder(&mut self, name: &str, mode: u32) -> Result<(), ArchiveError> {
        Ok(self.zip.add_directory(name, options(mode))?)
    }

    /// Adds a link.
    ///
    /// # Errors
    /// [`ArchiveError::Refused`] if it leaves the archive's root.
    pub fn link(&mut self, name: &str, target: &str) -> Result<(), ArchiveError> {
        check_link(name, target).map_err(|reason| ArchiveError::refused(name, reason))?;
        Ok(self.zip.add_symlink(name, target, options(0o777))?)
    }

    /// Ends the zip; the file is flushed to the system but not synchronised to the disk.
    ///
    /// # Errors
    /// [`ArchiveError`] if writing fails.
    pub fn finish(self) -> Result<File, ArchiveError> {
        let spilling = self.zip.finish()?;
        spilling.finish().map_err(ArchiveError::io("writing an archive"))
    }

    /// As [`Self::finish`]; the zip, if it is small, for a later one to take files of.
    ///
    /// # Errors
    /// As [`Self::finish`].
    pub fn finish_and_keep(self) -> Result<Option<Earlier>, ArchiveError> {
        let spilling = self.zip.finish()?;
        let kept = spilling.held.as_ref().map(|held| held.get_ref().clone());
        spilling.finish().map_err(ArchiveError::io("writing an archive"))?;
        Ok(kept.map(|bytes| ZipArchive::new(Cursor::new(bytes))).transpose()?.map(Earlier))
    }
}

/// A small zip that was written before, in memory.
#[derive(Debug)]
pub struct Earlier(ZipArchive<Cursor<Vec<u8>>>);

/// A file whose content stays in memory as long as it is small: a zip's headers are written in many small pieces, and
/// again once sizes are known.
struct Spilling {
    file: BufWriter<File>,
    /// `None` once it was too large.
    held: Option<Cursor<Vec<u8>>>,
}

impl Spilling {
    fn finish(mut self) -> io::Result<File> {
        self.spill()?;
        self.file.flush()?;
        self.file.into_inner().map_err(io::IntoInnerError::into_error)
    }

    /// From here on, everything goes to the file at once.
    fn spill(&mut self) -> io::Result<()> {
        if let Some(held) = self.held.take() {
            let at = held.position();
            self.file.write_all(&held.into_inner())?;
            self.file.seek(SeekFrom::Start(at))?;
        }
        Ok(())
    }
}

impl Write for Spilling {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.held.as_ref().is_some_and(|held| held.get_ref().len() + bytes.len() > MOST_HELD) {
            self.spill()?;
        }
        match &mut self.held {
            Some(held) => held.write(bytes),
            None => self.file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Seek for Spilling {
    fn seek(&mut self, position: SeekFrom) -> io::Result<u64> {
        match &mut self.held {
            Some(held) => held.seek(position),
            None => self.file.seek(position),
        }
    }
}

fn options(mode: u32) -> SimpleFileOptions {
    SimpleFileOptions::default().last_modified_time(DateTime::default()).unix_permissions(mode & 0o777)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Files of all kinds; the second time those that did not change are taken of the first zip.
    #[test]
    fn a_file_of_an_earlier_zip_gives_the_same_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let text = "some text that compresses well ".repeat(100);
        let files = [("a", 0o644, "short"), ("b/ü.txt", 0o755, text.as_str()), ("c", 0o644, "")];
        let write = |name: &str, last: &str| {
            let mut writer = Writer::create(&path(name)).unwrap();
            for (file, mode, content) in files {
                writer.file(file, mode, content.len() as u64, content.as_bytes()).unwrap();
            }
            writer.file("last", 0o644, last.len() as u64, last.as_bytes()).unwrap();
            writer.finish_and_keep().unwrap().unwrap()
        };
        let mut earlier = write("first.zip", "1");
        write("second.zip", "2");
        let mut writer = Writer::create(&path("taken.zip")).unwrap();
        for (file, _, _) in files {
            assert!(writer.file_of(&mut earlier, file).unwrap());
        }
        assert!(!writer.file_of(&mut earlier, "missing").unwrap());
        writer.file("last", 0o644, 1, &b"2"[..]).unwrap();
        writer.finish().unwrap();
        assert_eq!(std::fs::read(path("taken.zip")).unwrap(), std::fs::read(path("second.zip")).unwrap());
    }
}
