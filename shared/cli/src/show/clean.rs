//! Text that others wrote, made harmless for a terminal.

pub(crate) use penstock_model::plain::line as clean;

/// The first line of `text`, cleaned.
pub(crate) fn first_line(text: &str) -> String {
    clean(text.lines().next().unwrap_or_default())
}

/// The lines of a log, cleaned; a carriage return starts the line anew, as a progress bar means it.
pub(crate) fn log_line(line: &str) -> String {
    let line = line.strip_suffix('\r').unwrap_or(line);
    clean(line.rsplit('\r').next().unwrap_or(line))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_carriage_return_starts_a_log_line_anew() {
        assert_eq!(log_line("10%\r50%\r100%"), "100%");
        assert_eq!(log_line("done\r"), "done");
    }
}
