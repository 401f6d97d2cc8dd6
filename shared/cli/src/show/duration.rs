//! Times as a person reads them.

use std::time::Duration;

use penstock_app::port::clock::{Clock, SystemClock};
use penstock_model::time::Timestamp;

/// `40ms`, `2.5s`, `14s`, `3m 05s`, `2h 10m`, `3d 4h`.
pub(crate) fn duration(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0 => format!("{}ms", time.as_millis()),
        1..10 => format!("{:.1}s", time.as_secs_f64()),
        10..60 => format!("{seconds}s"),
        60..3600 => format!("{}m {:02}s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{}h {:02}m", seconds / 3600, seconds / 60 % 60),
        _ => format!("{}d {}h", seconds / 86_400, seconds / 3600 % 24),
    }
}

/// From `start` to `end`, or to now.
pub(crate) fn elapsed(start: Timestamp, end: Option<Timestamp>) -> String {
    duration(end.unwrap_or_else(now).since(start))
}

/// This machine's time.
pub(crate) fn now() -> Timestamp {
    SystemClock.now()
}

/// `2026-01-31 12:30:05Z`, to the second.
pub(crate) fn moment(time: Timestamp) -> String {
    let text = time.to_string();
    let seconds = text.split('.').next().unwrap_or(&text);
    format!("{}Z", seconds.replace('T', " "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_get_coarser_as_they_grow() {
        let shown = |millis| duration(Duration::from_millis(millis));
        assert_eq!(shown(230), "230ms");
        assert_eq!(shown(1_500), "1.5s");
        assert_eq!(shown(9_940), "9.9s");
        assert_eq!(shown(14_200), "14s");
        assert_eq!(shown(185_000), "3m 05s");
        assert_eq!(shown(7_800_000), "2h 10m");
        assert_eq!(shown(273_600_000), "3d 4h");
    }

    #[test]
    fn moments_are_to_the_second() {
        assert_eq!(moment(Timestamp(1_700_000_000_123)), "2023-11-14 22:13:20Z");
    }
}
