//! Numbers of events, in few characters: `3,7-9`.

/// Numbers in ascending order as text.
pub fn write(numbers: &[i64]) -> String {
    let mut text = String::new();
    for (first, last) in runs(numbers) {
        if !text.is_empty() {
            text.push(',');
        }
        text.push_str(&first.to_string());
        if last > first {
            text.push('-');
            text.push_str(&last.to_string());
        }
    }
    text
}

fn runs(numbers: &[i64]) -> Vec<(i64, i64)> {
    let mut runs: Vec<(i64, i64)> = Vec::new();
    for number in numbers {
        match runs.last_mut() {
            Some((_, last)) if last.checked_add(1) == Some(*number) => *last = *number,
            _ => runs.push((*number, *number)),
        }
    }
    runs
}

/// The runs of a text, each by its first and its last number; `None` if it is none of ours. A run
/// may be of any length, so that nothing is made of it before it is looked at.
pub fn read(text: &str) -> Option<Vec<(i64, i64)>> {
    let mut before = 0;
    let mut runs = Vec::new();
    for run in text.split(',').filter(|run| !run.is_empty()) {
        let (first, last) = run.split_once('-').unwrap_or((run, run));
        let (first, last): (i64, i64) = (first.parse().ok()?, last.parse().ok()?);
        if first <= before || last < first {
            return None;
        }
        before = last;
        runs.push((first, last));
    }
    Some(runs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_written_by_their_ends_and_read_again() {
        for (numbers, text, runs) in [
            (vec![], "", vec![]),
            (vec![3], "3", vec![(3, 3)]),
            (
                vec![1, 2, 3, 7, 9, 10],
                "1-3,7,9-10",
                vec![(1, 3), (7, 7), (9, 10)],
            ),
        ] {
            assert_eq!(write(&numbers), text);
            assert_eq!(read(text), Some(runs));
        }
        for odd in ["a", "0", "-1", "3-1", "5,4", "1-3,3", "1-", "1,2,x"] {
            assert_eq!(read(odd), None, "{odd}");
        }
    }
}
