//! What a link asks of one sign-in, besides what its identity provider and its page do.
//!
//! In: words that anybody may have written into an address. Out: [`Asked`], for the request and for
//! its answer. It waits with the request ([`super::PendingLogin`]), so that the answer is held to it
//! whatever the browser says then. Promised: it only ever adds. What the operator asks for stays asked
//! for, and methods are those that the operator knows ([`Wish::known_by`]); a wish for no more than
//! something is refused ([`Wish::is_upper_bound`]).

use super::asked::{Asked, AskedContext, AskedError, Comparison};

/// The wish of a link; the default wishes for nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wish {
    classes: Vec<String>,
    comparison: Comparison,
    force_authn: bool,
}

/// Most methods in one wish: as many as anybody has.
const MOST_CLASSES: usize = 16;
/// The longest of them (core 8.3.6 for entityIDs, for want of another limit).
const LONGEST_CLASS: usize = 1024;
/// The word for [`Wish::force_authn`] where it is stored.
const FORCE: &str = "force";

impl Wish {
    /// `classes` are AuthnContextClassRefs with white space between them.
    pub fn read(classes: &str, comparison: Option<&str>, force_authn: bool) -> Option<Self> {
        let classes: Vec<String> = classes.split_whitespace().map(str::to_owned).collect();
        let fit = |class: &String| class.len() <= LONGEST_CLASS && is_plain(class);
        if classes.len() > MOST_CLASSES || !classes.iter().all(fit) {
            return None;
        }
        let comparison = comparison.map_or(Some(Comparison::Exact), Comparison::parse)?;
        Some(Self { classes, comparison, force_authn })
    }

    /// Nothing is wished for.
    pub const fn is_nothing(&self) -> bool {
        self.classes.is_empty() && !self.force_authn
    }

    /// Fresh authentication.
    pub const fn force_authn(&self) -> bool {
        self.force_authn
    }

    /// The methods, as a link has them.
    pub fn classes(&self) -> Option<String> {
        (!self.classes.is_empty()).then(|| self.classes.join(" "))
    }

    /// How others compare with them.
    pub const fn comparison(&self) -> Comparison {
        self.comparison
    }

    /// Whether it wants a method or a weaker one (`maximum`). That tells an identity provider what
    /// would do, and never what it takes.
    pub fn is_upper_bound(&self) -> bool {
        !self.classes.is_empty() && self.comparison == Comparison::Maximum
    }

    /// Whether each method that would be enough is one that the operator knows.
    ///
    /// A request can ask for less, too: an identity provider that wants a second factor of everybody
    /// may be content with a password where a password is asked for.
    pub fn known_by(
        &self,
        order: &[String],
        known: impl Fn(&str) -> bool,
    ) -> Result<bool, AskedError> {
        if self.classes.is_empty() {
            return Ok(true);
        }
        let asked = AskedContext::new(&self.classes, self.comparison, order)?;
        // The weakest of all is nothing that anybody has to ask for.
        let above = |class: &str| order.iter().skip(1).any(|one| one == class);
        let known = asked.enough().all(|class| above(class) || known(class));
        Ok(known)
    }

    /// For the request, and for the check of its answer.
    pub fn asked<'a>(&'a self, order: &'a [String]) -> Asked<'a> {
        let context = AskedContext::new(&self.classes, self.comparison, order).ok();
        Asked {
            // Where the order has changed meanwhile, those with these names.
            context: context.or_else(|| AskedContext::exact(&self.classes)),
            force_authn: self.force_authn,
            max_age: None,
        }
    }

    /// As it is stored; empty for nothing.
    pub fn to_stored(&self) -> String {
        let force = self.force_authn.then_some(FORCE);
        let comparison = (!self.classes.is_empty()).then(|| self.comparison.as_str());
        let classes = self.classes.iter().map(String::as_str);
        force.into_iter().chain(comparison).chain(classes).collect::<Vec<_>>().join(" ")
    }

    /// What [`Wish::to_stored`] wrote.
    pub fn from_stored(text: &str) -> Option<Self> {
        let rest = text.strip_prefix(FORCE);
        let (comparison, classes) = match rest.unwrap_or(text).trim_start().split_once(' ') {
            Some((comparison, classes)) => (Some(comparison), classes),
            None if rest.unwrap_or(text).is_empty() => (None, ""),
            None => return None,
        };
        Self::read(classes, comparison, rest.is_some())
    }
}

fn is_plain(class: &str) -> bool {
    !class.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn what_is_stored_is_read_again() {
        for (classes, comparison, force, stored) in [
            ("", None, false, ""),
            ("", None, true, "force"),
            ("", Some("minimum"), true, "force"),
            ("urn:a", None, false, "exact urn:a"),
            (
                " urn:a\turn:b ",
                Some("minimum"),
                true,
                "force minimum urn:a urn:b",
            ),
        ] {
            let wish = Wish::read(classes, comparison, force).unwrap();
            assert_eq!(wish.to_stored(), stored);
            let again = Wish::from_stored(stored).unwrap();
            assert_eq!(again.to_stored(), stored);
            assert_eq!(wish.is_nothing(), stored.is_empty());
        }
        for stored in ["urn:a", "weaker urn:a"] {
            assert_eq!(Wish::from_stored(stored), None, "{stored}");
        }
    }

    #[test]
    fn a_wish_that_no_request_can_have_is_none() {
        assert_eq!(Wish::read("urn:a", Some("weaker"), false), None);
        assert_eq!(Wish::read("urn:\u{7}", None, false), None);
        assert_eq!(Wish::read(&"a ".repeat(17), None, false), None);
        assert_eq!(Wish::read(&"a".repeat(1025), None, false), None);
    }

    #[test]
    fn a_method_has_to_be_known_and_above_the_weakest() {
        let order = list(&["password", "code", "key"]);
        let known = |classes: &str, comparison| {
            let wish = Wish::read(classes, Some(comparison), false).unwrap();
            wish.known_by(&order, |class| class == "route")
        };
        assert_eq!(known("code", "exact"), Ok(true));
        assert_eq!(known("route key", "exact"), Ok(true));
        assert_eq!(known("code", "minimum"), Ok(true));
        assert_eq!(known("password", "better"), Ok(true));
        for (less, comparison) in [
            ("password", "exact"),
            ("password", "minimum"),
            ("key", "maximum"),
            ("code password", "exact"),
            ("stranger", "exact"),
        ] {
            assert_eq!(known(less, comparison), Ok(false), "{less} {comparison}");
        }
        assert!(known("stranger", "minimum").is_err());
        assert_eq!(known("", "exact"), Ok(true));
    }

    #[test]
    fn at_most_is_no_wish_for_more() {
        let is_upper_bound = |classes: &str, comparison| {
            Wish::read(classes, comparison, true).unwrap().is_upper_bound()
        };
        assert!(is_upper_bound("key", Some("maximum")));
        assert!(!is_upper_bound("", Some("maximum")));
        for comparison in [None, Some("exact"), Some("minimum"), Some("better")] {
            assert!(!is_upper_bound("key", comparison), "{comparison:?}");
        }
    }

    #[test]
    fn it_is_held_to_its_names_where_the_order_has_gone() {
        let order = list(&["password", "code", "key"]);
        let wish = Wish::read("code", Some("minimum"), true).unwrap();
        let met = |order, class| wish.asked(order).context.unwrap().is_met_by(class);
        assert!(met(&order, "key") && !met(&order, "password"));
        assert!(met(&[], "code") && !met(&[], "key"));
        assert!(wish.asked(&order).force_authn);
        assert_eq!(Wish::default().asked(&order), Asked::NOTHING);
    }
}
