//! What an installation will do, decided before anything is changed.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::attributes::Attributes;
use super::conflict::AfterCleanup;
use super::{InstallError, Installation, permission};
use crate::appspec::FileExistsBehavior;
use crate::beneath::{Folder, Kind};
use crate::manifest::Manifest;
use crate::path::RelativePath;
use crate::source::{self, Item, ItemKind};

/// How many files in the way are named.
const NAMED_CONFLICTS: usize = 5;

/// The whole installation. It is recorded, so that an interrupted one can be finished.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Plan {
    /// What the previous installation has put there, in its order.
    pub(super) previous: Vec<RelativePath>,
    /// Folders to make, parents first.
    pub(super) directories: Vec<NewDirectory>,
    /// Files to put there.
    pub(super) files: Vec<NewFile>,
    /// What the entries of `permissions` set.
    pub(super) attributes: Vec<Attributes>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct NewDirectory {
    pub(super) path: RelativePath,
    pub(super) attributes: Option<usize>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct NewFile {
    #[serde(skip)]
    pub(super) source: PathBuf,
    /// Where it is written first, on the file system of its destination.
    pub(super) temporary: RelativePath,
    pub(super) destination: RelativePath,
    /// The target of a symbolic link.
    #[serde(skip)]
    pub(super) link: Option<PathBuf>,
    pub(super) attributes: Option<usize>,
}

impl Plan {
    /// What the manifest will list: folders before what they hold.
    pub(super) fn installed(&self) -> Vec<RelativePath> {
        let directories = self.directories.iter().map(|directory| directory.path.clone());
        directories.chain(self.files.iter().map(|file| file.destination.clone())).collect()
    }

    /// What only the previous installation has, contents before their folders.
    pub(super) fn obsolete(&self) -> impl Iterator<Item = &RelativePath> {
        let directories = self.directories.iter().map(|directory| &directory.path);
        let kept: HashSet<_> = directories.chain(self.files.iter().map(|file| &file.destination)).collect();
        self.previous.iter().rev().filter(move |path| !kept.contains(path))
    }

    /// The places that an entry of `permissions` may fill.
    pub(super) fn slots(
        &mut self,
        files: bool,
        directories: bool,
    ) -> impl Iterator<Item = (&RelativePath, &mut Option<usize>)> {
        let of_files = self.files.iter_mut().filter(move |_| files);
        let of_directories = self.directories.iter_mut().filter(move |_| directories);
        of_files
            .map(|file| (&file.destination, &mut file.attributes))
            .chain(of_directories.map(|directory| (&directory.path, &mut directory.attributes)))
    }
}

/// Plans, and says what deserves a warning.
pub(super) fn plan(input: &Installation<'_>, before: &Manifest) -> Result<(Plan, Vec<String>), InstallError> {
    let mut planner = Planner {
        folder: input.folder,
        view: AfterCleanup::new(input.folder, &before.entries),
        behavior: input.behavior,
        prefix: format!(".penstock-{}-", input.deployment),
        plan: Plan { previous: before.entries.clone(), ..Plan::default() },
        planned: HashMap::new(),
        standing: HashSet::new(),
        conflicts: vec![],
    };
    for rule in &input.spec.files {
        for item in source::items(input.revision, rule)? {
            planner.add(item)?;
        }
    }
    planner.refuse_conflicts()?;
    let mut warnings = vec![];
    let (view, mut plan) = (planner.view, planner.plan);
    permission::assign(&mut plan, &input.spec.permissions, &view, input.ignore_ownership, &mut warnings)?;
    Ok((plan, warnings))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Planned {
    File,
    Directory,
}

struct Planner<'a> {
    folder: &'a Folder,
    view: AfterCleanup<'a>,
    behavior: FileExistsBehavior,
    prefix: String,
    plan: Plan,
    planned: HashMap<RelativePath, Planned>,
    /// Folders that are there and stay.
    standing: HashSet<RelativePath>,
    conflicts: Vec<RelativePath>,
}

impl Planner<'_> {
    fn add(&mut self, item: Item) -> Result<(), InstallError> {
        match item.kind {
            ItemKind::Directory => self.need_directory(&item.destination),
            ItemKind::File => self.add_file(item.source, item.destination, None),
            ItemKind::Link(target) => self.add_file(item.source, item.destination, Some(target)),
        }
    }

    fn need_directory(&mut self, path: &RelativePath) -> Result<(), InstallError> {
        for step in path.descent() {
            match self.planned.get(&step) {
                Some(Planned::Directory) => continue,
                Some(Planned::File) => return Err(InstallError::FileAndFolder(step)),
                None if self.standing.contains(&step) => continue,
                None => {}
            }
            match self.after_cleanup(&step)? {
                Some(Kind::Directory) => drop(self.standing.insert(step)),
                None => {
                    self.planned.insert(step.clone(), Planned::Directory);
                    self.plan.directories.push(NewDirectory { path: step, attributes: None });
                }
                Some(Kind::Link { .. }) => return Err(InstallError::ThroughLink(step)),
                Some(Kind::File | Kind::Other) => return Err(InstallError::NotAFolder(step)),
            }
        }
        Ok(())
    }

    fn add_file(
        &mut self,
        source: PathBuf,
        destination: RelativePath,
        link: Option<PathBuf>,
    ) -> Result<(), InstallError> {
        self.need_directory(&destination.parent().unwrap_or_default())?;
        match self.planned.get(&destination) {
            Some(Planned::File) => return Err(InstallError::TwoSources(destination)),
            Some(Planned::Directory) => return Err(InstallError::FileAndFolder(destination)),
            None => {}
        }
        let standing = self.after_cleanup(&destination)?;
        match (standing, self.behavior) {
            (None | Some(Kind::Link { dangling: true }), _) => {}
            (Some(Kind::Directory), FileExistsBehavior::Disallow | FileExistsBehavior::Overwrite) => {
                return Err(InstallError::IsAFolder(destination));
            }
            (Some(_), FileExistsBehavior::Retain) => return Ok(()),
            (Some(_), FileExistsBehavior::Overwrite) => {}
            (Some(_), FileExistsBehavior::Disallow) => {
                self.conflicts.push(destination);
                return Ok(());
            }
        }
        let temporary = self.temporary(&destination)?;
        self.planned.insert(destination.clone(), Planned::File);
        self.plan.files.push(NewFile { source, temporary, destination, link, attributes: None });
        Ok(())
    }

    /// A name in the deepest folder above `destination` that is there already and stays.
    fn temporary(&self, destination: &RelativePath) -> Result<RelativePath, InstallError> {
        let mut deepest = RelativePath::default();
        for step in destination.parent().unwrap_or_default().descent() {
            match self.folder.kind(&step).map_err(InstallError::at("look at", &step))? {
                Some(Kind::Directory) => deepest = step,
                _ => break,
            }
        }
        Ok(deepest.child(format!("{}{}", self.prefix, self.plan.files.len()).as_ref()))
    }

    fn after_cleanup(&self, path: &RelativePath) -> Result<Option<Kind>, InstallError> {
        self.view.kind(path).map_err(InstallError::at("look at", path))
    }

    fn refuse_conflicts(&self) -> Result<(), InstallError> {
        if self.conflicts.is_empty() {
            return Ok(());
        }
        let first = self.conflicts.iter().take(NAMED_CONFLICTS).map(ToString::to_string).collect();
        Err(InstallError::Exists { first, total: self.conflicts.len() })
    }
}
