//! What clean-up lets go: links, and the objects to which no other link leads.

use std::collections::HashSet;
use std::fs::{self, Metadata};
use std::io;
use std::path::PathBuf;
use std::sync::PoisonError;

use super::{KEYS, Objects, REMOVAL, durability, is_digest};

impl Objects {
    /// Every link that says what an attempt stored, or to which revision it keeps: the attempt's token, the rest of the
    /// link's name, and when it was made.
    pub(crate) fn links(&self) -> io::Result<Vec<(String, String, Metadata)>> {
        let mut links = vec![];
        for link in self.link_files()? {
            let name = link.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if let Some(at) = name.find(['.', '@'])
                && let Ok(metadata) = fs::symlink_metadata(&link)
            {
                links.push((format!("p-{}", &name[..at]), name[at..].to_owned(), metadata));
            }
        }
        Ok(links)
    }

    /// Removes `links`, tokens with the rest of the links' names, and the objects to which no other leads. The objects
    /// go first: what a kill leaves then has a link still, by which the next clean-up finds it.
    pub(crate) fn forget(&self, links: &[(String, String)]) -> io::Result<()> {
        if links.is_empty() {
            return Ok(());
        }
        let _alone = REMOVAL.write().unwrap_or_else(PoisonError::into_inner);
        let given_up: HashSet<PathBuf> =
            links.iter().filter_map(|(token, rest)| self.link(token, rest)).collect();
        let (mut loose, mut needed) = (HashSet::new(), HashSet::new());
        for link in self.link_files()? {
            // What is no link is nobody's of ours.
            let Ok(target) = fs::read_link(&link) else { continue };
            if given_up.contains(&link) {
                loose.insert(target)
            } else {
                needed.insert(target)
            };
        }
        let digests = loose.difference(&needed).filter_map(|target| target.to_str());
        for digest in digests.filter(|digest| is_digest(digest)) {
            let place = self.place(digest);
            durability::forget(&place);
            gone(fs::remove_file(place))?;
        }
        given_up.iter().try_for_each(|link| gone(fs::remove_file(link)))
    }

    fn link(&self, token: &str, rest: &str) -> Option<PathBuf> {
        let digits = token.strip_prefix("p-").filter(|digits| digits.len() == 40)?;
        Some(self.root.join(KEYS).join(&digits[..2]).join(format!("{digits}{rest}")))
    }

    fn link_files(&self) -> io::Result<Vec<PathBuf>> {
        let folders = match fs::read_dir(self.root.join(KEYS)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(vec![]),
            folders => folders?,
        };
        let mut links = vec![];
        for folder in folders {
            for link in fs::read_dir(folder?.path())? {
                links.push(link?.path());
            }
        }
        Ok(links)
    }
}

/// What is not there was removed before.
fn gone(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn token(digit: char) -> String {
        format!("p-{}", digit.to_string().repeat(40))
    }

    fn linked(objects: &Objects, digit: char, digest: &str) -> PathBuf {
        let link = objects.link(&token(digit), ".Site").unwrap();
        fs::create_dir_all(link.parent().unwrap()).unwrap();
        symlink(digest, &link).unwrap();
        let place = objects.place(digest);
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        fs::write(place, "zip").unwrap();
        link
    }

    #[test]
    fn an_object_stays_while_another_link_leads_to_it_and_a_strange_file_is_no_obstacle() {
        let folder = tempfile::tempdir().unwrap();
        let objects = Objects::open(folder.path()).unwrap();
        let (shared, own) = ("a".repeat(64), "b".repeat(64));
        let given_up = linked(&objects, '1', &shared);
        linked(&objects, '2', &shared);
        linked(&objects, '3', &own);
        fs::write(given_up.with_file_name("strange"), "").unwrap();
        let links = [(token('1'), ".Site".to_owned()), (token('3'), ".Site".to_owned())];
        objects.forget(&links).unwrap();
        assert!(fs::symlink_metadata(&given_up).is_err());
        assert!(objects.place(&shared).exists() && !objects.place(&own).exists());
        objects.forget(&links).unwrap();
    }
}
