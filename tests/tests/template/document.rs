//! A CloudFormation template as JSON, its short tags such as `!Ref` written out.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use saphyr_parser::{Event, Parser, ScalarStyle, Tag};
use serde_json::{Map, Value, json};

/// The template of this project.
pub(crate) struct Template(pub(crate) Value);

/// A resource of it.
#[derive(Clone, Copy)]
pub(crate) struct Resource<'a> {
    pub(crate) name: &'a str,
    pub(crate) whole: &'a Value,
}

impl<'a> Resource<'a> {
    pub(crate) fn property(self, name: &str) -> &'a Value {
        &self.whole["Properties"][name]
    }
}

impl Template {
    pub(crate) fn load() -> Self {
        let text = fs::read_to_string(root().join("template.yaml")).unwrap();
        let events = Parser::new_from_str(&text).map(|event| event.unwrap().0);
        let mut reader = Reader { events: events.collect::<Vec<_>>().into_iter() };
        Self(reader.document())
    }

    pub(crate) fn resources(&self) -> Vec<Resource<'_>> {
        let all = self.0["Resources"].as_object().unwrap();
        all.iter().map(|(name, whole)| Resource { name, whole }).collect()
    }

    pub(crate) fn of_type(&self, kind: &str) -> Vec<Resource<'_>> {
        self.resources().into_iter().filter(|resource| resource.whole["Type"] == kind).collect()
    }

    pub(crate) fn resource(&self, name: &str) -> Resource<'_> {
        let found = self.resources().into_iter().find(|resource| resource.name == name);
        found.unwrap_or_else(|| panic!("the template has no resource {name}"))
    }

    /// The functions by the names of their folders.
    pub(crate) fn functions(&self) -> BTreeMap<String, Resource<'_>> {
        let name = |function: &Resource<'_>| {
            let folder = function.property("CodeUri").as_str().unwrap();
            folder.strip_prefix("functions/").unwrap().to_owned()
        };
        self.of_type("AWS::Serverless::Function").into_iter().map(|it| (name(&it), it)).collect()
    }
}

/// The project's folder.
pub(crate) fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// The name of the resource that `value` refers to, by `!Ref X` or `!GetAtt X.Arn`.
pub(crate) fn referred(value: &Value) -> Option<&str> {
    value["Ref"].as_str().or_else(|| value["Fn::GetAtt"][0].as_str())
}

/// A value that may stand alone instead of a list of one.
pub(crate) fn list(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(values) => values.iter().collect(),
        Value::Null => vec![],
        one @ (Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_)) => vec![one],
    }
}

/// All strings in `value`.
pub(crate) fn strings(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(values) => values.iter().flat_map(strings).collect(),
        Value::Object(values) => values.values().flat_map(strings).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => vec![],
    }
}

struct Reader<I> {
    events: I,
}

impl<'a, I: Iterator<Item = Event<'a>>> Reader<I> {
    fn document(&mut self) -> Value {
        loop {
            let event = self.next();
            if !matches!(event, Event::StreamStart | Event::DocumentStart(_)) {
                return self.value(event);
            }
        }
    }

    fn next(&mut self) -> Event<'a> {
        self.events.next().unwrap()
    }

    fn value(&mut self, event: Event<'a>) -> Value {
        match event {
            Event::Scalar(text, style, _, tag) => written_out(tag.as_deref(), scalar(&text, style)),
            Event::SequenceStart(_, tag) => {
                let mut values = vec![];
                loop {
                    let event = self.next();
                    if event == Event::SequenceEnd {
                        break;
                    }
                    values.push(self.value(event));
                }
                written_out(tag.as_deref(), Value::Array(values))
            }
            Event::MappingStart(_, tag) => {
                let mut values = Map::new();
                loop {
                    let event = self.next();
                    if event == Event::MappingEnd {
                        break;
                    }
                    let Event::Scalar(key, ..) = event else { panic!("a key that is no text: {event:?}") };
                    let key = key.into_owned();
                    let event = self.next();
                    let value = self.value(event);
                    assert!(values.insert(key.clone(), value).is_none(), "the key {key} stands there twice");
                }
                written_out(tag.as_deref(), Value::Object(values))
            }
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd
            | Event::Alias(_)
            | Event::SequenceEnd
            | Event::MappingEnd => panic!("CloudFormation knows no {event:?}"),
        }
    }
}

fn scalar(text: &str, style: ScalarStyle) -> Value {
    if !matches!(style, ScalarStyle::Plain) {
        return json!(text);
    }
    match text {
        "true" => json!(true),
        "false" => json!(false),
        "" | "null" | "~" => Value::Null,
        _ => text.parse::<i64>().map_or_else(|_| json!(text), |number| json!(number)),
    }
}

/// `!Sub x` as `{"Fn::Sub": x}`.
fn written_out(tag: Option<&Tag>, value: Value) -> Value {
    let Some(tag) = tag else {
        return value;
    };
    match (tag.suffix.as_str(), value) {
        (name @ ("Ref" | "Condition"), value) => json!({ name: value }),
        ("GetAtt", Value::String(path)) => {
            let (resource, attribute) = path.split_once('.').unwrap();
            json!({"Fn::GetAtt": [resource, attribute]})
        }
        (name, value) => json!({ format!("Fn::{name}"): value }),
    }
}
