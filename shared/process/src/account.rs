//! The operating system's user that a program runs as.

use std::ffi::CString;
use std::io;
use std::path::PathBuf;

use nix::unistd::{Uid, User, getgrouplist};

/// A user of this machine, looked up before the fork because the look-up allocates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The name, as in `/etc/passwd`.
    pub name: String,
    /// The numeric user id.
    pub uid: u32,
    /// The numeric id of the main group.
    pub gid: u32,
    /// Every group that the user belongs to.
    pub groups: Vec<u32>,
    /// The home directory.
    pub home: PathBuf,
    /// The login shell.
    pub shell: PathBuf,
}

impl Account {
    /// Looks `name` up; a number is taken as a user id.
    ///
    /// # Errors
    /// `NotFound` if this machine has no such user.
    pub fn named(name: &str) -> io::Result<Self> {
        let found = match User::from_name(name)? {
            Some(user) => Some(user),
            None => match name.parse() {
                Ok(uid) => User::from_uid(Uid::from_raw(uid))?,
                Err(_) => None,
            },
        };
        let message = || format!("this machine has no user `{name}`");
        Self::of(found.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, message()))?)
    }

    /// The user that the calling program runs as.
    ///
    /// # Errors
    /// `NotFound` if the user id has no entry, as in some containers.
    pub fn current() -> io::Result<Self> {
        Self::named(&Uid::effective().to_string())
    }

    /// Whether the calling program may run something as this user: it is root, or it is this user.
    pub fn permitted(&self) -> bool {
        Uid::effective().is_root() || Uid::effective().as_raw() == self.uid
    }

    /// Whether the calling program runs as this user already.
    pub fn is_current(&self) -> bool {
        Uid::effective().as_raw() == self.uid
    }

    fn of(user: User) -> io::Result<Self> {
        let name = CString::new(user.name.as_str())?;
        let groups = getgrouplist(&name, user.gid)?.into_iter().map(nix::unistd::Gid::as_raw).collect();
        Ok(Self {
            name: user.name,
            uid: user.uid.as_raw(),
            gid: user.gid.as_raw(),
            groups,
            home: user.dir,
            shell: user.shell,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_is_known_by_name_and_number() {
        let root = Account::named("root").unwrap();
        assert_eq!((root.uid, root.gid), (0, 0));
        assert_eq!(Account::named("0").unwrap(), root);
    }

    #[test]
    fn an_unknown_user_is_named() {
        let error = Account::named("no-such-user-here").unwrap_err();
        assert_eq!(error.to_string(), "this machine has no user `no-such-user-here`");
    }
}
