//! A full disk, told in one way: where there is no room, and what to do. What fails for it is retried, or can be.

use std::io::{self, ErrorKind};
use std::path::Path;

/// Adds to an error of the disk that `folder` lies on that it is full, and the way out.
pub(crate) fn needed_in(folder: &Path) -> impl FnOnce(io::Error) -> io::Error + use<'_> {
    move |error| {
        if !matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded) {
            return error;
        }
        io::Error::new(error.kind(), format!("{error}; {}", way_out(folder)))
    }
}

/// The same for an error of the file at `path`.
pub(crate) fn needed_for(path: &Path) -> impl FnOnce(io::Error) -> io::Error + use<'_> {
    needed_in(path.parent().unwrap_or(path))
}

/// What helps.
pub(crate) fn way_out(folder: &Path) -> String {
    format!(
        "make room on the disk of {}: what is retried goes on by itself, and a stage that failed can be retried",
        folder.display()
    )
}

#[cfg(test)]
mod tests {
    use std::fs::OpenOptions;
    use std::io::Write;

    use super::*;

    #[test]
    fn a_full_disk_is_told_with_its_folder_and_the_way_out() {
        // A disk without room.
        let full = OpenOptions::new().append(true).open("/dev/full").unwrap().write_all(b"x").unwrap_err();
        let told = needed_in(Path::new("/srv/.penstock/artifacts"))(full);
        assert_eq!(told.kind(), ErrorKind::StorageFull);
        assert!(told.to_string().contains("make room on the disk of /srv/.penstock/artifacts"), "{told}");
        let other = needed_in(Path::new("/srv"))(io::Error::other("broken"));
        assert_eq!(other.to_string(), "broken");
    }
}
