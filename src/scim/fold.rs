//! Texts that are the same to a person.

/// What two texts have in common that differ in case alone, in any script: `Straße`, `STRASSE`.
///
/// By way of upper case, which makes one of letters that have several lower cases (ς, σ; ß, ss), and
/// letter by letter, so that a piece of a text folds to a piece of what the text folds to. Lower case
/// before that: ẞ is its own upper case. What was folded folds to itself.
pub fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let lower = text.chars().flat_map(char::to_lowercase);
    lower.flat_map(char::to_uppercase).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_is_all_that_is_lost() {
        assert_eq!(fold("Ann@Example.COM"), "ann@example.com");
        assert_eq!(fold("STRASSE"), fold("Straße"));
        assert_eq!(fold("STRAẞE"), fold("Straße"));
        assert_eq!(fold("ΟΔΟΣ"), fold("οδος"));
        assert_eq!(fold("ÅSA"), fold("åsa"));
        assert_ne!(fold("asa"), fold("åsa"));
    }
}
