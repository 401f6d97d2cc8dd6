//! Where in a definition's file an action says its role and its settings.

use penstock_model::diagnostic::Place;
use penstock_model::document::Node;

/// Finds actions in a file.
pub(super) struct Places<'a> {
    pipeline: &'a Node,
}

/// Where an action says what.
pub(super) struct OfAction {
    /// Its role, or its pipeline's; where neither is written, its name.
    pub(super) role: Place,
    /// Its region; where none is written, its name.
    pub(super) region: Place,
    name: Place,
    configuration: Vec<(String, Place)>,
}

impl OfAction {
    /// Where the action says `key` of its configuration.
    pub(super) fn key(&self, key: &str) -> Place {
        self.configuration.iter().find(|(name, _)| name == key).map_or(self.name, |(_, place)| *place)
    }
}

impl<'a> Places<'a> {
    /// Of the definition in `root`: bare, or under `pipeline`.
    pub(super) fn of(root: &'a Node) -> Self {
        Self { pipeline: root.get("pipeline").filter(|node| node.map().is_some()).unwrap_or(root) }
    }

    /// Of the bucket of the only artifact store, or of the one in `region`.
    pub(super) fn bucket(&self, region: Option<&str>) -> Place {
        let store = match region {
            Some(region) => self.pipeline.get("artifactStores").and_then(|stores| stores.get(region)),
            None => self.pipeline.get("artifactStore"),
        };
        store.and_then(|store| store.get("location")).or(store).unwrap_or(self.pipeline).place
    }

    /// Of the action with these names.
    pub(super) fn action(&self, stage: &str, action: &str) -> OfAction {
        let found = named(self.pipeline, "stages", stage).and_then(|stage| named(stage, "actions", action));
        let name = found.and_then(|node| node.get("name")).or(found).unwrap_or(self.pipeline).place;
        let role = found.and_then(|node| node.get("roleArn")).or_else(|| self.pipeline.get("roleArn"));
        let keys = found.and_then(|node| node.get("configuration")).and_then(Node::map).unwrap_or_default();
        let region = found.and_then(|node| node.get("region"));
        OfAction {
            region: region.map_or(name, |node| node.place),
            role: role.map_or(name, |node| node.place),
            name,
            configuration: keys.iter().map(|(key, node)| (key.text.clone(), node.place)).collect(),
        }
    }
}

/// The element of the list under `key` whose `name` is `name`.
fn named<'a>(node: &'a Node, key: &str, name: &str) -> Option<&'a Node> {
    node.get(key)?.list()?.iter().find(|element| element.get("name").and_then(Node::text) == Some(name))
}

#[cfg(test)]
mod tests {
    use penstock_model::document;

    use super::*;

    #[test]
    fn roles_and_keys_are_found_where_they_stand() {
        let file = "name: web\nroleArn: all\nstages:\n- name: Build\n  actions:\n  - name: Own\n    roleArn: own\n    configuration:\n      ProjectName: p\n  - name: Theirs\n";
        let document = document::parse(file);
        let places = Places::of(document.root.as_ref().unwrap());
        let at = |line, column| Place { line, column };
        let own = places.action("Build", "Own");
        assert_eq!((own.role, own.key("ProjectName")), (at(7, 14), at(9, 20)));
        assert_eq!(places.action("Build", "Theirs").role, at(2, 10));
        assert_eq!(places.action("Build", "Theirs").key("ProjectName"), at(10, 11));
    }
}
