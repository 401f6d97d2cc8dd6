//! Whatever a revision and an instance's folder hold, nothing beyond the folder changes.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use proptest::prelude::*;

use crate::support::Lab;

/// Something that stands in the instance's folder, or lies in the revision, beforehand.
#[derive(Debug, Clone)]
enum Thing {
    File,
    Folder,
    Link(String),
}

fn things() -> impl Strategy<Value = Vec<(String, Thing)>> {
    let thing = prop_oneof![
        Just(Thing::File),
        Just(Thing::Folder),
        prop_oneof![
            Just("../../outside".to_owned()),
            Just("../../../outside".to_owned()),
            Just("OUTSIDE".to_owned()),
            "[ab]".prop_map(String::from),
            Just("..".to_owned()),
        ]
        .prop_map(Thing::Link),
    ];
    proptest::collection::vec(("[ab](/[ab]){0,2}", thing), 0..5)
}

fn put(root: &Path, outside: &Path, things: &[(String, Thing)]) {
    for (path, thing) in things {
        let path = root.join(path);
        let parent = path.parent().unwrap();
        // A thing that would lie behind a link is left out.
        let nearest = parent.ancestors().find(|folder| folder.exists()).unwrap();
        if !nearest.canonicalize().unwrap().starts_with(root) || fs::create_dir_all(parent).is_err() {
            continue;
        }
        let _no_room = match thing {
            Thing::File => fs::File::create_new(&path).map(drop),
            Thing::Folder => fs::create_dir(&path),
            Thing::Link(target) if target == "OUTSIDE" => symlink(outside, &path),
            Thing::Link(target) => symlink(target, &path),
        };
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn nothing_outside_of_the_instance_changes(
        standing in things(),
        revision in things(),
        rules in proptest::collection::vec(("/?([ab.]{1,2}/){0,2}[ab.]{0,2}", "(/[ab.]{0,2}){1,3}"), 1..3),
        behavior in prop_oneof![Just("DISALLOW"), Just("OVERWRITE"), Just("RETAIN")],
    ) {
        let lab = Lab::in_memory(1);
        let outside = lab.path.join("outside");
        fs::create_dir_all(&outside).unwrap();
        fs::write(outside.join("a"), "safe").unwrap();
        fs::create_dir_all(lab.root("a")).unwrap();
        put(&lab.root("a"), &outside, &standing);
        let mut spec = format!("version: 0.0\nos: linux\nfile_exists_behavior: {behavior}\nfiles:\n");
        for (source, destination) in &rules {
            spec += &format!("  - {{source: '{source}', destination: '{destination}'}}\n");
        }
        spec += "permissions:\n  - {object: /, mode: 777}\n";
        let directory = lab.revision("1", &spec, &[]);
        put(&directory, &outside, &revision);
        let mode = |path: &Path| std::os::unix::fs::MetadataExt::mode(&path.metadata().unwrap());
        let before = (mode(&outside), mode(&outside.join("a")));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        // Refused, failed or done: the rest of the world stays as it is.
        for seed in ["1", "2"] {
            let _any = runtime.block_on(penstock_appspec::deploy(lab.deployment(seed, &directory)));
        }
        let names: Vec<_> = fs::read_dir(&outside).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        prop_assert_eq!(names, ["a"]);
        prop_assert_eq!(fs::read_to_string(outside.join("a")).unwrap(), "safe");
        prop_assert_eq!((mode(&outside), mode(&outside.join("a"))), before);
        let mut beside: Vec<_> = fs::read_dir(&lab.path).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        beside.retain(|name| name != "state");
        beside.sort();
        prop_assert_eq!(beside, ["instances", "outside", "revisions"]);
        prop_assert!(!lab.tree("a").iter().any(|path| path.contains(".penstock-")));
    }
}
