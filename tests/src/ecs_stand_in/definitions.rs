//! Task definitions: register, describe, list.

use serde_json::{Value as Json, json};

use super::{ARN, State};
use crate::json_service::Refusal;

impl State {
    /// Keeps what `RegisterTaskDefinition` gave, and says its ARN.
    pub(super) fn register(&mut self, request: &Json) -> String {
        let mut definition = request.clone();
        let family = request["family"].as_str().unwrap_or_default();
        let of_family = self.definitions.iter().filter(|it| it["family"] == family).count();
        let arn = format!("{ARN}:task-definition/{family}:{}", of_family + 1);
        definition["taskDefinitionArn"] = json!(arn);
        definition["revision"] = json!(of_family + 1);
        definition["status"] = json!("ACTIVE");
        self.definitions.push(definition);
        arn
    }

    pub(super) fn describe(&self, reference: &Json) -> Result<Json, Refusal> {
        let found = self.definitions.iter().find(|it| it["taskDefinitionArn"] == *reference);
        let missing = || Refusal::new("ClientException", "Unable to describe task definition.");
        Ok(answer(found.ok_or_else(missing)?))
    }

    pub(super) fn list(&self, request: &Json) -> Json {
        let of_family = self.definitions.iter().filter(|it| it["family"] == request["familyPrefix"]);
        let mut arns: Vec<&Json> = of_family.map(|it| &it["taskDefinitionArn"]).collect();
        if request["sort"] == "DESC" {
            arns.reverse();
        }
        arns.truncate(usize::try_from(request["maxResults"].as_u64().unwrap_or(100)).unwrap_or(100));
        json!({"taskDefinitionArns": arns})
    }
}

/// A definition and, beside it, its tags.
fn answer(definition: &Json) -> Json {
    let mut definition = definition.clone();
    let tags = definition.as_object_mut().and_then(|members| members.remove("tags"));
    json!({"taskDefinition": definition, "tags": tags.unwrap_or_else(|| json!([]))})
}
