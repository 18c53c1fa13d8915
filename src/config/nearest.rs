//! Which name was meant.

/// The name that a mistyped one is most like, when it is like any.
pub(super) fn nearest<'n>(
    typed: &str,
    names: impl IntoIterator<Item = &'n str>,
) -> Option<&'n str> {
    let typed = typed.to_ascii_lowercase().replace('-', "_");
    let likeness =
        |name: &str| strsim::normalized_damerau_levenshtein(&typed, &name.to_ascii_lowercase());
    let rated = names.into_iter().map(|name| (likeness(name), name));
    let best = rated.max_by(|(left, _), (right, _)| left.total_cmp(right));
    best.filter(|(likeness, _)| *likeness >= 0.6).map(|(_, name)| name)
}

/// `a, b or c`.
pub(super) fn any_of(names: &[&str]) -> String {
    match names.split_last() {
        None => String::new(),
        Some((last, [])) => (*last).to_owned(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
    }
}
