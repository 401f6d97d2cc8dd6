//! The XML formats: JUnit, NUnit 2 and 3, TestNG, Visual Studio's TRX. They differ in names only.
//!
//! Read as a stream. Entities other than XML's own five are dropped, so nothing can expand.

use std::io::{BufReader, Read};
use std::time::Duration;

use quick_xml::Reader;
use quick_xml::events::{BytesRef, BytesStart, Event};

use super::{Case, CaseStatus, MAX_MESSAGE, seconds};
use crate::definition::ReportFormat;

/// How a format names things.
struct Names {
    /// The element that is a case.
    case: &'static str,
    /// The attributes of it that may hold its name and its class; the first that it has counts.
    name: &'static [&'static str],
    class: &'static [&'static str],
    /// An element around cases whose `name` is their class.
    suite: &'static str,
    /// The attribute that says how the case ended.
    result: Option<&'static str>,
    duration: &'static str,
    parse_duration: fn(&str) -> Duration,
    /// Elements in a case whose text is its message.
    message: &'static [&'static str],
}

const JUNIT: Names = Names {
    case: "testcase",
    name: &["name"],
    class: &["classname", "class"],
    suite: "testsuite",
    result: None,
    duration: "time",
    parse_duration: seconds,
    message: &["failure", "error"],
};
const NUNIT: Names = Names {
    case: "test-case",
    name: &["name"],
    class: &["classname"],
    suite: "test-suite",
    result: Some("result"),
    duration: "time",
    parse_duration: seconds,
    message: &["message"],
};
const NUNIT3: Names = Names { duration: "duration", ..NUNIT };
const TESTNG: Names = Names {
    case: "test-method",
    name: &["name"],
    class: &[],
    suite: "class",
    result: Some("status"),
    duration: "duration-ms",
    parse_duration: milliseconds,
    message: &["message", "full-stacktrace"],
};
const TRX: Names = Names {
    case: "UnitTestResult",
    name: &["testName"],
    class: &[],
    suite: "",
    result: Some("outcome"),
    duration: "duration",
    parse_duration: clock,
    message: &["Message"],
};

fn names(format: ReportFormat) -> Option<&'static Names> {
    match format {
        ReportFormat::JunitXml => Some(&JUNIT),
        ReportFormat::NunitXml => Some(&NUNIT),
        ReportFormat::Nunit3Xml => Some(&NUNIT3),
        ReportFormat::TestngXml => Some(&TESTNG),
        ReportFormat::VisualStudioTrx => Some(&TRX),
        ReportFormat::CucumberJson
        | ReportFormat::CloverXml
        | ReportFormat::CoberturaXml
        | ReportFormat::JacocoXml
        | ReportFormat::SimpleCov => None,
    }
}

pub(super) fn read(format: ReportFormat, input: impl Read, take: impl FnMut(Case)) -> Result<(), String> {
    let Some(names) = names(format) else { return Ok(()) };
    let mut reader = Reader::from_reader(BufReader::new(input));
    reader.config_mut().expand_empty_elements = true;
    let mut cases = Cases { names, take, suites: Vec::new(), case: None, inside: None, root: false };
    let mut buffer = Vec::new();
    loop {
        let event = reader.read_event_into(&mut buffer);
        match event.map_err(|error| format!("not valid XML at byte {}: {error}", reader.error_position()))? {
            Event::Eof => break,
            Event::Start(element) => cases.start(&element),
            Event::End(element) => cases.end(element.local_name().as_ref()),
            Event::Text(text) => cases.text(&text),
            Event::CData(text) => cases.text(&text),
            Event::GeneralRef(entity) => cases.entity(&entity),
            Event::Empty(_) | Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => {}
        }
        buffer.clear();
    }
    if cases.root { Ok(()) } else { Err("it holds no XML element".into()) }
}

struct Cases<F> {
    names: &'static Names,
    take: F,
    suites: Vec<String>,
    case: Option<Case>,
    /// The element whose text is the present case's message.
    inside: Option<&'static str>,
    root: bool,
}

impl<F: FnMut(Case)> Cases<F> {
    fn start(&mut self, element: &BytesStart<'_>) {
        self.root = true;
        let name = element.local_name();
        let name: &str = name.as_ref();
        if name == self.names.case {
            self.case = self.begin(element);
        } else if let Some(case) = &mut self.case {
            self.inside = self.names.message.iter().copied().find(|message| *message == name).or(self.inside);
            within(case, name, element, self.names.result.is_none());
        } else if name == self.names.suite {
            self.suites.push(attribute(element, "name").unwrap_or_default());
        }
    }

    fn begin(&self, element: &BytesStart<'_>) -> Option<Case> {
        // TestNG counts what prepares a test among the methods.
        if attribute(element, "is-config").is_some_and(|flag| flag == "true") {
            return None;
        }
        let first = |names: &[&str]| names.iter().find_map(|name| attribute(element, name));
        let suite = first(self.names.class).or_else(|| self.suites.last().cloned()).unwrap_or_default();
        let duration = attribute(element, self.names.duration).unwrap_or_default();
        let status = match self.names.result {
            Some(result) => status(&attribute(element, result).unwrap_or_default()),
            None => CaseStatus::Succeeded,
        };
        Some(Case {
            suite,
            name: first(self.names.name).unwrap_or_default(),
            status,
            duration: (self.names.parse_duration)(&duration),
            message: String::new(),
        })
    }

    fn end(&mut self, name: &str) {
        if name == self.names.case {
            self.inside = None;
            if let Some(case) = self.case.take() {
                (self.take)(case);
            }
        } else if self.inside == Some(name) {
            self.inside = None;
        } else if self.case.is_none() && name == self.names.suite {
            self.suites.pop();
        }
    }

    fn text(&mut self, text: &str) {
        if let (Some(case), Some(_)) = (&mut self.case, self.inside) {
            append(&mut case.message, text);
        }
    }

    fn entity(&mut self, entity: &BytesRef<'_>) {
        let text = match &**entity {
            "lt" => "<".to_owned(),
            "gt" => ">".to_owned(),
            "amp" => "&".to_owned(),
            "quot" => "\"".to_owned(),
            "apos" => "'".to_owned(),
            _ => entity.resolve_char_ref().ok().flatten().map(String::from).unwrap_or_default(),
        };
        self.text(&text);
    }
}

/// An element inside a case: where no attribute says how the case ended, elements do.
fn within(case: &mut Case, name: &str, element: &BytesStart<'_>, decides: bool) {
    let status = match name {
        "failure" => CaseStatus::Failed,
        "error" => CaseStatus::Error,
        "skipped" | "disabled" => CaseStatus::Skipped,
        _ => return,
    };
    if decides && case.status == CaseStatus::Succeeded {
        case.status = status;
    }
    if let Some(message) = attribute(element, "message") {
        append(&mut case.message, &message);
        append(&mut case.message, "\n");
    }
}

fn append(message: &mut String, text: &str) {
    // Bytes stand for at most as many characters.
    if message.len() < 4 * MAX_MESSAGE {
        message.extend(text.chars().take(MAX_MESSAGE));
    }
}

fn status(result: &str) -> CaseStatus {
    match result.to_ascii_lowercase().as_str() {
        "passed" | "pass" | "success" | "passedbutrunaborted" | "warning" | "completed" => {
            CaseStatus::Succeeded
        }
        "failed" | "fail" | "failure" => CaseStatus::Failed,
        "error" | "timeout" | "aborted" | "cancelled" | "notrunnable" => CaseStatus::Error,
        "skipped" | "skip" | "ignored" | "notexecuted" | "inconclusive" | "pending" => CaseStatus::Skipped,
        _ => CaseStatus::Unknown,
    }
}

fn attribute(element: &BytesStart<'_>, name: &str) -> Option<String> {
    let found =
        element.attributes().with_checks(false).flatten().find(|attribute| attribute.key.as_ref() == name)?;
    // An entity that is not XML's own makes it unreadable; then the raw text has to do.
    let value = found.normalized_value(quick_xml::XmlVersion::Implicit1_0).map(std::borrow::Cow::into_owned);
    Some(value.unwrap_or_else(|_| found.value.clone().into_owned()))
}

fn milliseconds(text: &str) -> Duration {
    Duration::from_millis(text.trim().parse().unwrap_or_default())
}

/// `00:00:01.2345678`.
fn clock(text: &str) -> Duration {
    text.split(':').fold(Duration::ZERO, |sum, part| sum.saturating_mul(60).saturating_add(seconds(part)))
}
