//! A line-by-line difference of two texts.

/// The lines that are only in `expected` (`-`) or only in `seen` (`+`), with a little of what is around them.
pub(crate) fn lines(expected: &str, seen: &str) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (expected.lines().collect(), seen.lines().collect());
    let common = longest_common(&old, &new);
    let mut shown = vec![];
    let (mut i, mut j) = (0, 0);
    for (a, b) in common.into_iter().chain([(old.len(), new.len())]) {
        shown.extend(old[i..a].iter().map(|line| format!("- {line}")));
        shown.extend(new[j..b].iter().map(|line| format!("+ {line}")));
        shown.extend(old.get(a).map(|line| format!("  {line}")));
        (i, j) = (a + 1, b + 1);
    }
    around_changes(&shown)
}

/// The pairs of positions of a longest common subsequence.
fn longest_common(old: &[&str], new: &[&str]) -> Vec<(usize, usize)> {
    let mut length = vec![vec![0_u32; new.len() + 1]; old.len() + 1];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            length[i][j] = match old[i] == new[j] {
                true => length[i + 1][j + 1] + 1,
                false => length[i + 1][j].max(length[i][j + 1]),
            };
        }
    }
    let (mut i, mut j, mut pairs) = (0, 0, vec![]);
    while i < old.len() && j < new.len() {
        if old[i] == new[j] {
            pairs.push((i, j));
            (i, j) = (i + 1, j + 1);
        } else if length[i + 1][j] >= length[i][j + 1] {
            i += 1;
        } else {
            j += 1;
        }
    }
    pairs
}

fn around_changes(lines: &[String]) -> String {
    let changed = |at: usize| lines.get(at).is_some_and(|line| !line.starts_with(' '));
    let near = |at: usize| (at.saturating_sub(2)..=at + 2).any(changed);
    let mut text = String::new();
    for (at, line) in lines.iter().enumerate().filter(|(at, _)| near(*at)) {
        if at > 0 && !near(at - 1) {
            text += "  …\n";
        }
        text += &format!("{line}\n");
    }
    text
}

#[test]
fn a_change_is_shown_with_what_is_around_it() {
    assert_eq!(lines("a\nb\nc\nd\ne\nf", "a\nb\nc\nx\ne\nf"), "  …\n  b\n  c\n- d\n+ x\n  e\n  f\n");
    assert_eq!(lines("a", "a"), "");
}
