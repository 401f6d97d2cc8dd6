//! Small reports of every format.

use super::*;

fn report(format: ReportFormat, text: &str) -> Report {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("report");
    std::fs::write(&path, text).unwrap();
    let mut report = Report::new("unit".into(), format);
    report.add("report".into(), &path);
    report
}

fn failing(report: &Report) -> Vec<(&str, &str, &str)> {
    report.failing.iter().map(|case| (&*case.suite, &*case.name, &*case.message)).collect()
}

#[test]
fn junit() {
    let report = report(
        ReportFormat::JunitXml,
        r#"<?xml version="1.0"?><testsuites><testsuite name="s" tests="4">
        <testcase classname="a.B" name="ok" time="0.5"/>
        <testcase name="bad" time="1,000.25"><failure message="1 &lt; 2">at <![CDATA[line <3>]]> &amp; &#x41;&evil;</failure></testcase>
        <testcase classname="a.B" name="worse"><error/><system-out>noise</system-out></testcase>
        <testcase classname="a.B" name="later"><skipped/></testcase></testsuite></testsuites>"#,
    );
    assert_eq!(report.counts, Counts { succeeded: 1, failed: 1, error: 1, skipped: 1, unknown: 0 });
    assert_eq!(failing(&report), [("s", "bad", "1 < 2\nat line <3> & A"), ("a.B", "worse", "")]);
    assert_eq!(report.duration, Duration::from_millis(1_000_750));
    assert!(report.problems.is_empty());
}

#[test]
fn nunit_of_both_kinds() {
    let old = r#"<test-results><test-suite name="N.S"><results><test-case name="N.S.a" success="True" result="Success" time="0.1"/>
        <test-case name="N.S.b" result="Failure"><failure><message>expected 1</message><stack-trace>x</stack-trace></failure></test-case>
        <test-case name="N.S.c" result="Ignored"/></results></test-suite></test-results>"#;
    let new = r#"<test-run><test-suite name="S"><test-case name="a" classname="N.S" result="Passed" duration="0.2"/>
        <test-case name="b" classname="N.S" result="Failed"><failure><message><![CDATA[expected 1]]></message></failure></test-case>
        <test-case name="c" classname="N.S" result="Inconclusive"/></test-suite></test-run>"#;
    let expected = Counts { succeeded: 1, failed: 1, skipped: 1, ..Counts::default() };
    let old = report(ReportFormat::NunitXml, old);
    assert_eq!((old.counts, failing(&old)), (expected, vec![("N.S", "N.S.b", "expected 1")]));
    let new = report(ReportFormat::Nunit3Xml, new);
    assert_eq!((new.counts, failing(&new)), (expected, vec![("N.S", "b", "expected 1")]));
    assert_eq!(new.duration, Duration::from_millis(200));
}

#[test]
fn testng() {
    let report = report(
        ReportFormat::TestngXml,
        r#"<testng-results><suite name="x"><test name="t"><class name="com.A">
        <test-method name="setUp" is-config="true" status="PASS"/>
        <test-method name="one" status="PASS" duration-ms="12"/>
        <test-method name="two" status="FAIL" duration-ms="3"><exception class="E"><message><![CDATA[boom]]></message></exception></test-method>
        <test-method name="three" status="SKIP"/></class></test></suite></testng-results>"#,
    );
    assert_eq!(report.counts, Counts { succeeded: 1, failed: 1, skipped: 1, ..Counts::default() });
    assert_eq!(failing(&report), [("com.A", "two", "boom")]);
    assert_eq!(report.duration, Duration::from_millis(15));
}

#[test]
fn trx() {
    let report = report(
        ReportFormat::VisualStudioTrx,
        r#"<TestRun xmlns="http://microsoft.com/schemas/VisualStudio/TeamTest/2010"><Results>
        <UnitTestResult testName="N.a" outcome="Passed" duration="00:01:00.5000000"/>
        <UnitTestResult testName="N.b" outcome="Failed"><Output><ErrorInfo><Message>no</Message></ErrorInfo></Output></UnitTestResult>
        <UnitTestResult testName="N.c" outcome="NotExecuted"/><UnitTestResult testName="N.d"/></Results></TestRun>"#,
    );
    assert_eq!(report.counts, Counts { succeeded: 1, failed: 1, skipped: 1, unknown: 1, error: 0 });
    assert_eq!((failing(&report), report.duration), (vec![("", "N.b", "no")], Duration::from_millis(60_500)));
}

#[test]
fn cucumber() {
    let report = report(
        ReportFormat::CucumberJson,
        r#"[{"name": "Login", "elements": [
          {"type": "background", "name": "", "steps": [{"result": {"status": "failed"}}]},
          {"type": "scenario", "name": "good", "steps": [{"result": {"status": "passed", "duration": 1000000}}]},
          {"type": "scenario", "name": "bad", "steps": [{"result": {"status": "failed", "error_message": "no"}}, {"result": {"status": "skipped"}}]},
          {"type": "scenario", "name": "later", "steps": [{"result": {"status": "undefined"}}]}]}]"#,
    );
    assert_eq!(report.counts, Counts { succeeded: 1, failed: 1, skipped: 1, ..Counts::default() });
    assert_eq!((failing(&report), report.duration), (vec![("Login", "bad", "no")], Duration::from_millis(1)));
}

#[test]
fn what_cannot_be_read_is_noted() {
    for (format, text) in [
        (ReportFormat::JunitXml, "<testsuite><testcase name='a'"),
        (ReportFormat::JunitXml, "plain"),
        (ReportFormat::JunitXml, ""),
        (ReportFormat::CucumberJson, "{}"),
    ] {
        let report = report(format, text);
        assert_eq!((report.problems.len(), report.counts.total()), (1, 0), "{text}");
    }
}

#[test]
fn coverage_is_listed_and_not_read() {
    let report = report(ReportFormat::CoberturaXml, "not even xml");
    assert_eq!((report.files.len(), report.counts.total(), report.problems.len()), (1, 0, 0));
}
