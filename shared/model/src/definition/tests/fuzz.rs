//! Nothing that a file or a request may hold makes the parser panic, and what it accepts it accepts again.

use proptest::prelude::*;

use super::*;
use crate::cloudformation;
use crate::diagnostic::Severity;

/// Whatever is read, twice and in every way.
fn read(source: &str) {
    let document = document::parse(source);
    let parsed = from_document(&document);
    let refused = parsed.diagnostics.iter().any(|found| found.severity == Severity::Error);
    assert_eq!(parsed.pipeline.is_none(), refused, "{source}");
    for found in &parsed.diagnostics {
        assert!(found.place.line >= 1 && found.place.column >= 1 && !found.message.is_empty());
    }
    if let Some(pipeline) = &parsed.pipeline {
        let json = serde_json::to_value(pipeline).unwrap();
        assert_eq!(from_json(&json).pipeline.as_ref(), Some(pipeline), "{source}");
    }
    if let Some(root) = &document.root {
        from_json(&root.to_json());
    }
    assert!(!cloudformation::import(&document).is_empty());
    kind::recognise("x", &document);
}

fn json() -> impl Strategy<Value = Json> {
    let word = prop_oneof![
        Just("name"),
        Just("stages"),
        Just("actions"),
        Just("pipeline"),
        Just("configuration"),
        Just("Resources"),
        Just("Type"),
        Just("AWS::CodePipeline::Pipeline"),
        Just("Properties"),
        Just("Stages"),
        Just("Fn::If"),
        Just("Ref"),
        Just("AWS::NoValue"),
        Just("triggers"),
        Just("gitConfiguration"),
        Just("actionTypeId"),
        Just("conditions"),
        Just("#{a.b}"),
        Just("#{"),
        Just(""),
    ];
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        any::<f64>().prop_map(Json::from),
        word.clone().prop_map(Json::from),
        ".{0,12}".prop_map(Json::from),
    ];
    leaf.prop_recursive(6, 64, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Json::from),
            prop::collection::vec((word.clone().prop_map(String::from), inner), 0..6)
                .prop_map(|entries| Json::from(entries.into_iter().collect::<serde_json::Map<_, _>>())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn arbitrary_text(source in ".{0,300}") {
        read(&source);
    }

    #[test]
    fn arbitrary_json(value in json()) {
        from_json(&value);
        read(&value.to_string());
    }

    #[test]
    fn lines_taken_out_and_doubled(taken in prop::collection::vec(0..82_usize, 0..4), doubled in 0..82_usize) {
        let mut lines: Vec<&str> = FULL.lines().collect();
        lines.insert(doubled.min(lines.len()), lines[doubled.min(lines.len() - 1)]);
        for index in taken {
            lines.remove(index.min(lines.len() - 1));
        }
        read(&lines.join("\n"));
    }

    #[test]
    fn characters_replaced(at in 0..2500_usize, length in 0..6_usize, put in "[ -~\\n\\t\u{0}é]{0,4}") {
        let start = at.min(FULL.len());
        let end = (start + length).min(FULL.len());
        read(&format!("{}{put}{}", &FULL[..start], &FULL[end..]));
    }

    #[test]
    fn values_exchanged(pairs in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>()), 1..3)) {
        let mut words: Vec<&str> = FULL.split_inclusive([' ', '\n', ',', ':']).collect();
        for (one, other) in pairs {
            let (one, other) = (one.index(words.len()), other.index(words.len()));
            words.swap(one, other);
        }
        read(&words.concat());
    }
}
