//! The `acls` of `permissions`: entries in the short form that `setfacl` reads.

use std::fmt;

use thiserror::Error;

/// An entry `[d:][u:|g:|m:|o:]name:permissions`, normalised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AclEntry {
    default: bool,
    kind: Kind,
    name: String,
    permissions: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    User,
    Group,
    Mask,
    Other,
}

/// Why a text is no [`AclEntry`].
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvalidAcl {
    /// Not the form.
    #[error("`{0}` is no acl entry; write [d:][u:|g:|m:|o:]NAME:PERMISSIONS, such as u:deploy:rw")]
    Form(String),
    /// Permissions other than `rwx-` or a digit.
    #[error("`{0}` are no acl permissions; write some of r, w, x, or one octal digit")]
    Permissions(String),
    /// The owner's, the group's or the others' own entry.
    #[error("`{0}` is a base entry, which `mode` sets; remove it and set `mode`")]
    Base(String),
}

impl AclEntry {
    /// Reads an entry (AWS CodeDeploy user guide, permissions: `acls`).
    ///
    /// # Errors
    /// [`InvalidAcl`].
    pub fn new(text: &str) -> Result<Self, InvalidAcl> {
        let shown = || text.chars().take(80).collect::<String>();
        let parts: Vec<&str> = text.split(':').map(str::trim).collect();
        let (default, parts) = match parts.as_slice() {
            ["d" | "default", rest @ ..] => (true, rest),
            rest => (false, rest),
        };
        let (kind, name, permissions) = match *parts {
            [kind, name, permissions] => {
                (kind_of(kind).ok_or_else(|| InvalidAcl::Form(shown()))?, name, permissions)
            }
            [kind @ ("m" | "mask" | "o" | "other"), permissions] => {
                (kind_of(kind).ok_or_else(|| InvalidAcl::Form(shown()))?, "", permissions)
            }
            [name, permissions] => (Kind::User, name, permissions),
            _ => return Err(InvalidAcl::Form(shown())),
        };
        check(name, permissions).map_err(|make| make(shown()))?;
        let named = matches!(kind, Kind::User | Kind::Group);
        if !named && !name.is_empty() {
            return Err(InvalidAcl::Form(shown()));
        }
        if !default && name.is_empty() && kind != Kind::Mask {
            return Err(InvalidAcl::Base(shown()));
        }
        Ok(Self { default, kind, name: name.into(), permissions: permissions.into() })
    }

    /// Whether it is inherited by what is made in a folder; refused on files.
    pub fn is_default(&self) -> bool {
        self.default
    }
}

fn kind_of(text: &str) -> Option<Kind> {
    match text {
        "u" | "user" => Some(Kind::User),
        "g" | "group" => Some(Kind::Group),
        "m" | "mask" => Some(Kind::Mask),
        "o" | "other" => Some(Kind::Other),
        _ => None,
    }
}

/// The name ends up in a comma-separated argument, so commas and spaces are refused.
fn check(name: &str, permissions: &str) -> Result<(), fn(String) -> InvalidAcl> {
    let digit = permissions.len() == 1 && (b'0'..=b'7').contains(&permissions.as_bytes()[0]);
    let letters =
        (1..=3).contains(&permissions.len()) && permissions.bytes().all(|byte| b"rwx-".contains(&byte));
    if !digit && !letters {
        return Err(InvalidAcl::Permissions);
    }
    if name.contains(|c: char| c == ',' || c.is_whitespace() || c.is_control()) {
        return Err(InvalidAcl::Form);
    }
    Ok(())
}

/// As `setfacl` reads it.
impl fmt::Display for AclEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let default = if self.default { "d:" } else { "" };
        let kind = match self.kind {
            Kind::User => "u",
            Kind::Group => "g",
            Kind::Mask => "m",
            Kind::Other => "o",
        };
        write!(f, "{default}{kind}:{}:{}", self.name, self.permissions)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_normalised() {
        for (text, expected) in [
            ("bob:rw", "u:bob:rw"),
            ("u:bob:7", "u:bob:7"),
            ("d:g:staff:r-x", "d:g:staff:r-x"),
            ("m::rw", "m::rw"),
            ("d:o:r", "d:o::r"),
            ("d:u::rwx", "d:u::rwx"),
        ] {
            assert_eq!(AclEntry::new(text).unwrap().to_string(), expected);
        }
    }

    #[test]
    fn base_entries_and_nonsense_are_refused() {
        assert!(matches!(AclEntry::new("u::rw"), Err(InvalidAcl::Base(_))));
        assert!(matches!(AclEntry::new("o::r"), Err(InvalidAcl::Base(_))));
        assert!(matches!(AclEntry::new("u:bob:rq"), Err(InvalidAcl::Permissions(_))));
        for text in ["acls-specification", "u:a,b:r", "z:bob:r", "m:x:r", "", ":", "a:b:c:d:e"] {
            assert!(AclEntry::new(text).is_err(), "{text}");
        }
    }
}
