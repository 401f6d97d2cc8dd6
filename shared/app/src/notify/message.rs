//! A notice as a person reads it in an e-mail: a subject that says what and where, a body that can be acted upon.

use super::plain::{ascii, line, lines, log_line};
use crate::approvals::NOTHING_FOLLOWS;
use crate::port::notifier::{Notice, NoticeKind, NoticedApproval, NoticedCommit, NoticedFailure};

/// The longest subject, in characters (SNS API reference, Publish: fewer than 100).
const MAX_SUBJECT: usize = 99;
/// The longest reason that a body shows, in lines.
const MAX_REASON: usize = 12;

/// A subject and a plain text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Fewer than 100 characters of ASCII, without control characters.
    pub subject: String,
    /// Plain text.
    pub body: String,
}

impl Message {
    /// What `notice` says to a person.
    pub fn of(notice: &Notice) -> Self {
        let subject = ascii(&subject(notice), MAX_SUBJECT);
        let body = match notice.kind {
            NoticeKind::ExecutionFailed => failed(notice),
            NoticeKind::ApprovalNeeded => asked(notice),
        };
        Self { subject, body }
    }
}

fn subject(notice: &Notice) -> String {
    let pipeline = line(notice.pipeline.as_str(), 40);
    let (stage, action) = (line(notice.stage.as_str(), 20), line(notice.action.as_str(), 20));
    match notice.kind {
        NoticeKind::ExecutionFailed => {
            format!("[{pipeline}] failed in {stage}/{action}: {}", line(&notice.summary, 60))
        }
        NoticeKind::ApprovalNeeded => {
            let commit = notice.commit.as_ref().and_then(|commit| commit.summary.as_deref());
            let of = commit.map(|summary| format!(": {}", line(summary, 60))).unwrap_or_default();
            format!("[{pipeline}] approve {stage}/{action}?{of}")
        }
    }
}

fn failed(notice: &Notice) -> String {
    let mut body = Body::default();
    body.say(&format!("An execution of the pipeline {} failed.", notice.pipeline));
    body.gap();
    body.row("Action", &format!("{} in stage {}", notice.action, notice.stage));
    let code = notice.error_code.as_ref().map(|code| format!("{code}: ")).unwrap_or_default();
    body.rows("Reason", &format!("{code}{}", notice.summary));
    for NoticedFailure { action, error_code, summary } in &notice.also_failed {
        body.row("Also", &format!("{action}: {error_code}: {summary}"));
    }
    what(&mut body, notice);
    if !notice.log.is_empty() {
        body.gap();
        body.say("The end of its log:");
        for text in &notice.log {
            body.say(&format!("    {}", log_line(text)));
        }
    }
    body.gap();
    see(&mut body, notice);
    body.say("Try its failed actions again:");
    body.say(&format!("    {}", notice.command));
    body.0
}

fn see(body: &mut Body, notice: &Notice) {
    if let Some(link) = &notice.link {
        body.say("See it:");
        body.say(&format!("    {link}"));
    }
    if let Some(page) = &notice.page {
        body.say("See its pipeline, while this command runs:");
        body.say(&format!("    {}", page.command));
        body.say(&format!("    {}", page.url));
    }
}

fn asked(notice: &Notice) -> String {
    let asked = notice.approval.clone().unwrap_or_default();
    let mut body = Body::default();
    body.say(&format!(
        "The pipeline {} waits for a verdict: {} in stage {}.",
        notice.pipeline, notice.action, notice.stage
    ));
    body.gap();
    approval(&mut body, &asked);
    what(&mut body, notice);
    body.row("Expires", &asked.expires);
    body.gap();
    body.say("Look at it and decide; whoever has this link may:");
    body.say(&format!("    {}", notice.link.as_deref().unwrap_or_default()));
    body.say("Or, on a command line with rights of its own:");
    body.say(&format!("    {}", notice.command));
    body.0
}

fn approval(body: &mut Body, asked: &NoticedApproval) {
    if let Some(text) = &asked.custom_data {
        body.rows("Message", text);
    }
    if let Some(link) = &asked.external_entity_link {
        body.row("Look at", link);
    }
    for step in &asked.will_do {
        body.row("Then", step);
    }
    if asked.will_do.is_empty() {
        body.row("Then", NOTHING_FOLLOWS);
    }
}

fn what(body: &mut Body, notice: &Notice) {
    for commit in notice.commit.iter().chain(&notice.more_commits) {
        revision(body, commit);
    }
    body.row("Cause", &notice.trigger);
    body.row("Execution", notice.execution_id.as_str());
    body.row("Time", &notice.time);
}

fn revision(body: &mut Body, commit: &NoticedCommit) {
    let NoticedCommit { id, source, summary, url, author } = commit;
    if let Some(source) = source {
        body.row("Source", source.as_str());
    }
    let short: String = id.chars().take(12).collect();
    body.row("Commit", &format!("{short} {}", summary.as_deref().unwrap_or_default()));
    if let Some(author) = author {
        body.row("Author", author);
    }
    if let Some(url) = url {
        body.row("Changes", url);
    }
}

#[derive(Default)]
struct Body(String);

impl Body {
    fn say(&mut self, text: &str) {
        self.0.push_str(text.trim_end());
        self.0.push('\n');
    }

    fn gap(&mut self) {
        self.0.push('\n');
    }

    fn row(&mut self, label: &str, text: &str) {
        self.rows(label, &line(text, 500));
    }

    fn rows(&mut self, label: &str, text: &str) {
        for (index, text) in lines(text, MAX_REASON).iter().enumerate() {
            let label = if index == 0 { format!("{label}:") } else { String::new() };
            self.say(&format!("{label:<11}{text}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::port::notifier::NoticedPage;

    fn notice(kind: NoticeKind) -> Notice {
        Notice {
            kind,
            pipeline: "web".parse().unwrap(),
            execution_id: "2b1f0c3a-5d7e-4f60-8a91-b2c3d4e5f607".parse().unwrap(),
            stage: "Build".parse().unwrap(),
            action: "Compile".parse().unwrap(),
            summary: "npm test: exit code 1\nsee the log".to_owned(),
            link: Some("https://penstock.example/pipelines/web".to_owned()),
            page: None,
            time: "2023-11-14T22:13:20.000Z".to_owned(),
            error_code: Some("JobFailed".to_owned()),
            trigger: "webhook: push to main".to_owned(),
            commit: Some(NoticedCommit {
                id: "c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00".to_owned(),
                source: None,
                summary: Some("Brew \u{1b}[31mörtlich".to_owned()),
                url: Some("https://github.com/acme/web/commit/c0ffee00".to_owned()),
                author: Some("Ada\nBcc: eve@example.com".to_owned()),
            }),
            more_commits: vec![],
            also_failed: vec![],
            log: vec!["1 test".to_owned(), "\u{1b}[31mFAILED\u{1b}[0m".to_owned()],
            command: "penstock retry web --stage Build --exec 2b1f0c3a-5d7e-4f60-8a91-b2c3d4e5f607"
                .to_owned(),
            approval: None,
            to: crate::port::notifier::Audience::Everyone,
        }
    }

    #[test]
    fn a_failure_can_be_acted_upon() {
        let message = Message::of(&notice(NoticeKind::ExecutionFailed));
        assert_eq!(message.subject, "[web] failed in Build/Compile: npm test: exit code 1 see the log");
        assert_eq!(
            message.body,
            "\
An execution of the pipeline web failed.

Action:    Compile in stage Build
Reason:    JobFailed: npm test: exit code 1
           see the log
Commit:    c0ffee00c0ff Brew örtlich
Author:    Ada Bcc: eve@example.com
Changes:   https://github.com/acme/web/commit/c0ffee00
Cause:     webhook: push to main
Execution: 2b1f0c3a-5d7e-4f60-8a91-b2c3d4e5f607
Time:      2023-11-14T22:13:20.000Z

The end of its log:
    1 test
    FAILED

See it:
    https://penstock.example/pipelines/web
Try its failed actions again:
    penstock retry web --stage Build --exec 2b1f0c3a-5d7e-4f60-8a91-b2c3d4e5f607
"
        );
    }

    #[test]
    fn where_no_link_leads_to_the_page_the_way_there_is_told() {
        let mut notice = notice(NoticeKind::ExecutionFailed);
        notice.link = None;
        notice.page = Some(NoticedPage {
            command: "penstock proxy --stack penstock-dev".to_owned(),
            url: "http://127.0.0.1:7879/pipelines/web".to_owned(),
        });
        let body = Message::of(&notice).body;
        let way = "\
    FAILED

See its pipeline, while this command runs:
    penstock proxy --stack penstock-dev
    http://127.0.0.1:7879/pipelines/web
Try its failed";
        assert!(body.contains(way), "{body}");
    }

    #[test]
    fn an_approver_reads_what_they_decide() {
        let mut notice = notice(NoticeKind::ApprovalNeeded);
        notice.log = vec![];
        notice.link = Some("https://penstock.example/approvals/a.b".to_owned());
        notice.command = "penstock approve web --stage Build --action Compile".to_owned();
        notice.approval = Some(NoticedApproval {
            custom_data: Some("Is the changelog written?".to_owned()),
            external_entity_link: Some("https://staging.example.com".to_owned()),
            will_do: vec!["Release / Ship: deploy with CodeDeploy to shop".to_owned()],
            expires: "2023-11-21T22:13:20.000Z".to_owned(),
        });
        let message = Message::of(&notice);
        assert_eq!(message.subject, "[web] approve Build/Compile?: Brew ?rtlich");
        assert_eq!(
            message.body,
            "\
The pipeline web waits for a verdict: Compile in stage Build.

Message:   Is the changelog written?
Look at:   https://staging.example.com
Then:      Release / Ship: deploy with CodeDeploy to shop
Commit:    c0ffee00c0ff Brew örtlich
Author:    Ada Bcc: eve@example.com
Changes:   https://github.com/acme/web/commit/c0ffee00
Cause:     webhook: push to main
Execution: 2b1f0c3a-5d7e-4f60-8a91-b2c3d4e5f607
Time:      2023-11-14T22:13:20.000Z
Expires:   2023-11-21T22:13:20.000Z

Look at it and decide; whoever has this link may:
    https://penstock.example/approvals/a.b
Or, on a command line with rights of its own:
    penstock approve web --stage Build --action Compile
"
        );
    }

    #[test]
    fn an_approver_reads_that_nothing_follows_only_where_nothing_does() {
        let mut notice = notice(NoticeKind::ApprovalNeeded);
        notice.approval = Some(NoticedApproval::default());
        let then = "\nThen:      No action follows before the next approval or the end of the pipeline.\n";
        assert!(Message::of(&notice).body.contains(then));
        notice.approval = Some(NoticedApproval {
            will_do: vec!["Release / Plan: runs Commands".to_owned()],
            ..NoticedApproval::default()
        });
        let body = Message::of(&notice).body;
        assert!(body.contains("\nThen:      Release / Plan: runs Commands\n") && !body.contains("No action"));
    }

    #[test]
    fn what_failed_as_well_is_named_beneath_the_reason() {
        let mut notice = notice(NoticeKind::ExecutionFailed);
        notice.also_failed = vec![NoticedFailure {
            action: "Lint".parse().unwrap(),
            error_code: "JobFailed".to_owned(),
            summary: "eslint: exit code 2".to_owned(),
        }];
        let message = Message::of(&notice);
        assert_eq!(message.subject, "[web] failed in Build/Compile: npm test: exit code 1 see the log");
        let told = "\
Reason:    JobFailed: npm test: exit code 1
           see the log
Also:      Lint: JobFailed: eslint: exit code 2
Commit: ";
        assert!(message.body.contains(told), "{}", message.body);
    }

    #[test]
    fn of_several_sources_each_commit_is_told_with_its_source() {
        let mut notice = notice(NoticeKind::ApprovalNeeded);
        notice.commit.as_mut().unwrap().source = Some("App".parse().unwrap());
        notice.more_commits = vec![NoticedCommit {
            id: "beef".to_owned(),
            source: Some("Infra".parse().unwrap()),
            summary: Some("Raise the dam".to_owned()),
            ..NoticedCommit::default()
        }];
        let message = Message::of(&notice);
        assert_eq!(message.subject, "[web] approve Build/Compile?: Brew ?rtlich");
        let told = "\
Source:    App
Commit:    c0ffee00c0ff Brew örtlich
Author:    Ada Bcc: eve@example.com
Changes:   https://github.com/acme/web/commit/c0ffee00
Source:    Infra
Commit:    beef Raise the dam
Cause:     webhook: push to main
";
        assert!(message.body.contains(told), "{}", message.body);
    }

    #[test]
    fn the_longest_names_leave_a_subject_that_sns_takes() {
        let mut notice = notice(NoticeKind::ExecutionFailed);
        notice.pipeline = "p".repeat(100).parse().unwrap();
        notice.summary = "\u{7}\n".repeat(200);
        for kind in [NoticeKind::ExecutionFailed, NoticeKind::ApprovalNeeded] {
            notice.kind = kind;
            let subject = Message::of(&notice).subject;
            assert!(subject.contains("Build/Compile"), "{subject}");
            assert!(
                subject.len() < 100 && subject.chars().all(|c| c.is_ascii_graphic() || c == ' '),
                "{subject}"
            );
        }
    }
}
