//! A hint to file systems of the ext family about what lies below a folder.

use std::fs::File;
use std::io;
use std::path::Path;

use rustix::fs::{IFlags, ioctl_getflags, ioctl_setflags};

/// Says that the folders in `dir` have nothing to do with each other (`chattr +T`), so that each gets a place of its own.
///
/// Otherwise all that is made in a folder, however deep, lies in one group of inodes. Where thousands of files come and
/// go there, as they do in a folder for temporary files, making one takes many times longer: an ext4 without a journal
/// passes over each inode that was freed during the last minutes. Nothing rests on it: other file systems do not know it.
pub(crate) fn apart(dir: &Path) {
    let hint = || -> io::Result<()> {
        let folder = File::open(dir)?;
        let flags = ioctl_getflags(&folder)?;
        Ok(ioctl_setflags(&folder, flags | IFlags::TOPDIR)?)
    };
    if let Err(error) = hint() {
        tracing::debug!("{} lies where all its neighbours do: {error}", dir.display());
    }
}
