//! Notices on the console of the server.

use console::style;
use penstock_app::port::notifier::{Notice, NoticeKind};

use super::clean::clean;
use super::glyph::Look;
use super::out;

/// Shows a notice on standard error.
pub(crate) fn show(notice: &Notice) {
    let look = match notice.kind {
        NoticeKind::ExecutionFailed => Look::Bad,
        NoticeKind::ApprovalNeeded => Look::Asking,
    };
    let place = format!("{} {}/{}", notice.pipeline, notice.stage, notice.action);
    let summary = clean(&notice.summary);
    out::note(format!("{} {} {summary}", look.sign(None).for_stderr(), style(place).bold().for_stderr()));
    if let Some(link) = &notice.link {
        out::note(format!("  {}", style(clean(link)).dim().for_stderr()));
    }
}
