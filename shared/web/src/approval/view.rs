//! The pages of an approval.

use maud::{Markup, html};
use penstock_app::approvals::{ApprovalView, Decided, MAX_TYPED_NAME, NOTHING_FOLLOWS, SourceRevision};
use penstock_app::engine::state::Verdict;
use penstock_model::artifact::{Artifact, Revision};

use super::Form;
use crate::page::{self, Around};
use crate::plain;

/// The longest comment (CodePipeline API, `ApprovalSummary`).
pub(super) const MAX_COMMENT: usize = 512;

/// Asks for a verdict; `problem` says why the form came back.
pub(super) fn ask(around: Around, view: &ApprovalView, form: &Form, problem: Option<&str>) -> Markup {
    html! {
        div class="narrow" {
            div class="head" {
                p class="quiet" { (view.pipeline) " · stage " (view.stage) }
                div class="title" {
                    h1 { "Approve " (view.action) "?" }
                    span class="pill wait" { "Waiting for a verdict" }
                }
            }
            @if view.waiting_behind > 0 {
                p class="note wait" { strong { (behind(view.waiting_behind)) } " Nothing passes this stage until this one is decided." }
            }
            (facts(around, view))
            @if !view.artifacts.is_empty() { (artifacts(&view.artifacts)) }
            (verdict_form(view, form, problem))
        }
    }
}

fn behind(count: u32) -> String {
    match count {
        1 => "1 execution waits behind this one.".to_owned(),
        _ => format!("{count} executions wait behind this one."),
    }
}

fn facts(around: Around, view: &ApprovalView) -> Markup {
    html! {
        section class="card" aria-labelledby="about" {
            h2 #about { "What is asked" }
            dl class="definition" {
                @if let Some(text) = &view.custom_data { dt { "Message" } dd { (plain::short(text, 2000)) } }
                @if let Some(link) = &view.external_link { dt { "Look at" } dd { (link_or_text(link)) } }
                @for source in &view.revisions { (revision(source, view.revisions.len() > 1)) }
                dt { "Cause" } dd { (plain::short(&view.trigger, 500)) }
                dt { "Then" }
                dd {
                    @if view.will_do.is_empty() {
                        (NOTHING_FOLLOWS)
                    } @else {
                        ul { @for step in &view.will_do { li { (plain::short(step, 500)) } } }
                    }
                }
                dt { "Asked" } dd { (page::moment(view.requested_at)) }
                dt { "Expires" } dd { time datetime=(view.expires_at) { (page::readable(view.expires_at)) } }
                dt { "Execution" }
                dd {
                    @match around {
                        Around::Dashboard => a class="mono" href={ "/pipelines/" (view.pipeline) "/executions/" (view.attempt.execution) } { (view.attempt.execution) },
                        Around::Nothing => code { (view.attempt.execution) },
                    }
                }
            }
        }
    }
}

fn commit(revision: &Revision) -> Markup {
    let first =
        revision.summary.as_deref().map(|text| plain::short(text.lines().next().unwrap_or_default(), 300));
    html! {
        @if let Some(text) = first { (text) br; }
        code { (plain::short(&revision.id, 100)) }
    }
}

/// A revision, where its changes are seen and who wrote it, as its source says; with the source's name where there are several.
fn revision(SourceRevision { source, revision }: &SourceRevision, several: bool) -> Markup {
    let of = |what: &str| if several { format!("{what} of {source}") } else { what.to_owned() };
    html! {
        dt { (of("Commit")) }
        dd { (commit(revision)) }
        @if let Some(url) = revision.url.as_deref().and_then(page::safe_link) {
            dt { (of("Changes")) }
            dd { a href=(url) rel="noopener noreferrer" { (plain::short(url, 500)) } }
        }
        @if let Some(author) = &revision.author { dt { (of("Author")) } dd { (plain::short(author, 200)) } }
    }
}

fn link_or_text(link: &str) -> Markup {
    html! {
        @match page::safe_link(link) {
            Some(url) => a href=(url) rel="noopener noreferrer" { (plain::short(url, 500)) },
            None => (plain::short(link, 500)),
        }
    }
}

fn artifacts(artifacts: &[Artifact]) -> Markup {
    html! {
        section class="card" aria-labelledby="artifacts" {
            h2 #artifacts { "Artifacts" }
            div class="scroll" {
                table {
                    thead { tr { th scope="col" { "Name" } th scope="col" { "Size" } th scope="col" { "SHA-256" } } }
                    tbody {
                        @for artifact in artifacts {
                            tr {
                                td { (artifact.name) }
                                td class="time" { (size(artifact.size)) }
                                td class="said mono small" { (artifact.sha256) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn size(bytes: u64) -> String {
    match bytes {
        0..1024 => format!("{bytes} B"),
        1024..1_048_576 => format!("{} KiB", bytes.div_ceil(1024)),
        _ => format!("{}.{} MiB", bytes >> 20, (bytes >> 10 & 1023) * 10 / 1024),
    }
}

fn verdict_form(view: &ApprovalView, form: &Form, problem: Option<&str>) -> Markup {
    html! {
        section class="card" aria-labelledby="verdict" {
            h2 #verdict { "Your verdict" }
            @if let Some(problem) = problem {
                p #problem class="note bad" role="alert" { strong { "Not decided." } " " (plain::line(problem)) }
            }
            form method="post" autocomplete="off" {
                (decider(view, form))
                div class="field" {
                    label for="pipeline" {
                        "Pipeline name"
                        span { "Type " strong { (view.pipeline) } " to confirm that it is the right one." }
                    }
                    input #pipeline name="pipeline" type="text" required value=(form.pipeline) spellcheck="false" autocapitalize="none"
                        aria-invalid=[problem.map(|_| "true")] aria-describedby=[problem.map(|_| "problem")];
                }
                div class="field" {
                    label for="comment" { "Comment" span { "At most " (MAX_COMMENT) " characters; everybody who looks at the execution sees it." } }
                    textarea #comment name="comment" maxlength=(MAX_COMMENT) { (form.comment) }
                }
                div class="buttons" {
                    button class="primary" name="verdict" value="approve" { "Approve" }
                    button class="secondary" name="verdict" value="reject" { "Reject" }
                }
            }
        }
    }
}

/// Under which name the verdict will be recorded.
fn decider(view: &ApprovalView, form: &Form) -> Markup {
    html! {
        @match &view.approver {
            Some(name) => p { "You decide as " strong { (plain::line(name.as_str())) } ", whose link this is." },
            None => div class="field" {
                label for="name" {
                    "Your name"
                    span { "Recorded with the verdict as claimed: this link does not say who you are." }
                }
                input #name name="name" type="text" required maxlength=(MAX_TYPED_NAME) value=(form.name.as_deref().unwrap_or_default()) autocomplete="name";
            },
        }
    }
}

/// Says that the verdict was taken.
pub(super) fn decided(around: Around, decided: &Decided) -> Markup {
    let Verdict { approved, by, comment, .. } = &decided.verdict;
    html! {
        div class="narrow" {
            div class="card" {
                div class="title" {
                    h1 { @if *approved { "Approved" } @else { "Rejected" } }
                    span class={ "pill " (if *approved { "good" } else { "bad" }) } { (decided.attempt.action) }
                }
                @if !comment.is_empty() { p { (plain::short(comment, MAX_COMMENT)) } }
                p { @if *approved { "The execution goes on." } @else { "The stage fails with this verdict." } }
                p class="quiet" { "Recorded under the name " strong { (plain::short(by, 200)) "." } }
                @if around == Around::Dashboard { p { a href={ "/pipelines/" (decided.pipeline) } { "See " (decided.pipeline) } } }
            }
        }
    }
}

/// Says what became of an approval that needs no verdict any more.
pub(super) fn settled(around: Around, outcome: &str) -> Markup {
    html! {
        div class="narrow" {
            div class="card" {
                h1 { "This approval is settled" }
                p { (plain::short(outcome, 1000)) }
                p class="quiet" { "A link decides once, and this one decides nothing any more." }
                (way_on(around))
            }
        }
    }
}

/// Says one thing.
pub(super) fn message(around: Around, title: &str, said: &str) -> Markup {
    html! {
        div class="narrow" {
            div class="card" {
                h1 { (title) }
                p { (plain::line(said)) }
                (way_on(around))
            }
        }
    }
}

fn way_on(around: Around) -> Markup {
    html! { @if around == Around::Dashboard { p { a href="/" { "All pipelines" } } } }
}

#[cfg(test)]
mod tests {
    use super::size;

    #[test]
    fn sizes_read_well() {
        assert_eq!([10, 2000, 1_500_000].map(size), ["10 B", "2 KiB", "1.4 MiB"]);
    }
}
