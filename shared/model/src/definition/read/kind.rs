//! Reads what performs an action, in the API's spelling (`actionTypeId`) or the short one (`actionType`, `provider`).

use super::super::draft::{Kind, Text};
use super::super::fields::Fields;
use super::super::findings::{Findings, quoted};
use crate::diagnostic::Place;
use crate::pipeline::{Category, Owner};

const CATEGORIES: [(&str, Category); 7] = [
    ("Source", Category::Source),
    ("Build", Category::Build),
    ("Test", Category::Test),
    ("Deploy", Category::Deploy),
    ("Invoke", Category::Invoke),
    ("Approval", Category::Approval),
    ("Compute", Category::Compute),
];

/// The four parts as written in one of the spellings.
#[derive(Default)]
struct Written {
    category: Option<Text>,
    owner: Option<Text>,
    provider: Option<Text>,
    version: Option<Text>,
}

pub(super) fn kind(fields: &mut Fields<'_>, findings: &mut Findings) -> Kind {
    let short = Written {
        category: fields.text("actionType", findings),
        owner: fields.text("owner", findings),
        provider: fields.text("provider", findings),
        version: fields.text("version", findings),
    };
    match fields.get("actionTypeId") {
        None => from_short(short, fields, findings),
        Some(node) => {
            let Some(mut id) = Fields::of(node, "an action type id", findings) else {
                return nothing(node.place);
            };
            let long = Written {
                category: Some(id.required_text("category", findings)),
                owner: Some(id.required_text("owner", findings)),
                provider: Some(id.required_text("provider", findings)),
                version: Some(id.required_text("version", findings)),
            };
            id.finish(findings);
            contradictions(&long, &short, findings);
            parts(node.place, long, findings)
        }
    }
}

fn nothing(place: Place) -> Kind {
    Kind { place, category: None, owner: None, provider: Text::unknown(place), version: Text::unknown(place) }
}

fn from_short(short: Written, fields: &Fields<'_>, findings: &mut Findings) -> Kind {
    let place = fields.place();
    if short.category.is_none() {
        let message = "an action needs `actionTypeId` with category, owner, provider and version, or the short `actionType` and `provider`";
        findings.error(place, "missing-key", message);
        return nothing(place);
    }
    if short.provider.is_none() {
        fields.missing("provider", findings);
    }
    parts(place, short, findings)
}

/// Both spellings in one action are fine as long as they agree.
fn contradictions(long: &Written, short: &Written, findings: &mut Findings) {
    let pairs = [
        ("actionType", &long.category, &short.category),
        ("owner", &long.owner, &short.owner),
        ("provider", &long.provider, &short.provider),
        ("version", &long.version, &short.version),
    ];
    for (key, long, short) in pairs {
        if let (Some(long), Some(short)) = (long, short)
            && long.known
            && short.known
            && long.text != short.text
        {
            let message = format!(
                "`{key}` says {} and `actionTypeId` says {}; remove one",
                quoted(&short.text),
                quoted(&long.text)
            );
            findings.error(short.place, "action-type-conflict", message);
        }
    }
}

fn parts(place: Place, written: Written, findings: &mut Findings) -> Kind {
    let provider = written.provider.unwrap_or_else(|| Text::unknown(place));
    let category = written.category.and_then(|text| category(&text, findings));
    let owner = match written.owner {
        Some(text) => owner(&text, findings),
        None => Some(default_owner(&provider.text)),
    };
    let version = written.version.unwrap_or(Text { text: "1".into(), place, known: true });
    Kind { place, category, owner, provider, version }
}

/// The owner that the short spelling leaves out.
fn default_owner(provider: &str) -> Owner {
    match provider {
        "GitHub" => Owner::ThirdParty,
        "Jenkins" | "Git" | "Command" => Owner::Custom,
        _ => Owner::Aws,
    }
}

fn category(text: &Text, findings: &mut Findings) -> Option<Category> {
    let found = CATEGORIES.iter().find(|(name, _)| *name == text.text).map(|(_, category)| *category);
    if found.is_none() && text.known {
        let names = CATEGORIES.map(|(name, _)| name);
        let hint = findings.suggestion(&text.text, names);
        let message =
            format!("{} is no category of actions{hint}; there are {}", quoted(&text.text), names.join(", "));
        findings.error(text.place, "category", message);
    }
    found
}

fn owner(text: &Text, findings: &mut Findings) -> Option<Owner> {
    match text.text.as_str() {
        "AWS" => Some(Owner::Aws),
        "ThirdParty" => Some(Owner::ThirdParty),
        "Custom" => Some(Owner::Custom),
        other => {
            if text.known {
                let message = format!(
                    "{} is no owner of an action type; write AWS, ThirdParty or Custom",
                    quoted(other)
                );
                findings.error(text.place, "owner", message);
            }
            None
        }
    }
}
