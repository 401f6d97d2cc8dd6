//! Names of entries: what separates their parts, and which are taken.

use std::borrow::Cow;

use zip::System;

use crate::ArchiveError;

/// `name` with slashes between its parts.
///
/// The format knows slashes only, so a backslash is a character like any other. Some programs on Windows write
/// backslashes between parts all the same: in a name without a slash that came from there, they separate, as Info-ZIP's
/// `unzip` has it.
pub(crate) fn slashed(name: Cow<'_, str>, from: System) -> Cow<'_, str> {
    let on_windows = matches!(from, System::Dos | System::VFAT | System::WindowsNTFS | System::Os2);
    if on_windows && name.contains('\\') && !name.contains('/') {
        name.replace('\\', "/").into()
    } else {
        name
    }
}

/// The entry's name as a relative path without `.` and empty parts.
pub(crate) fn clean(name: &str) -> Result<String, ArchiveError> {
    if name.starts_with('/') || name.contains('\0') {
        return Err(ArchiveError::refused(name, "its name is absolute or holds a zero byte"));
    }
    let mut parts = vec![];
    for part in name.split('/') {
        match part {
            "" | "." => {}
            ".." => return Err(ArchiveError::refused(name, "its name has `..`")),
            part => parts.push(part),
        }
    }
    Ok(parts.join("/"))
}
