//! What a sign-in has to be, besides genuine: by which method, and how long ago.
//!
//! In: what an operator asks for, of an identity provider or of a route. Out: [`Asked`], which goes
//! into the request ([`super::authn_request`]) and is checked in the answer ([`super::profile`]).
//! Promised: both are the same value, so that nothing is asked for and then not looked at. A
//! request is a wish: it may lose its wishes on the way where it is not signed, and many identity
//! providers answer as if it had none.

use std::time::Duration;

/// What is asked for, and checked in the answer. The default asks for nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Asked<'a> {
    /// By which method.
    pub context: Option<AskedContext<'a>>,
    /// Fresh authentication (core 3.4.1, ForceAuthn): not before our request.
    pub force_authn: bool,
    /// How long ago the person may have signed in there (AuthnInstant); no limit without.
    ///
    /// SAML has no way to ask for it. So the request has ForceAuthn where there is one.
    pub max_age: Option<Duration>,
}

impl Asked<'_> {
    /// Nothing.
    pub const NOTHING: Self = Self { context: None, force_authn: false, max_age: None };

    /// Whether the request has ForceAuthn.
    pub const fn forces(&self) -> bool {
        self.force_authn || self.max_age.is_some()
    }
}

/// How the method that was used compares with those that were asked for (core 3.3.2.2.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Comparison {
    /// It is one of them.
    #[default]
    Exact,
    /// It is one of them, or stronger than one of them.
    Minimum,
    /// It is one of them, or weaker than one of them.
    Maximum,
    /// It is stronger than each of them.
    Better,
}

impl Comparison {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Exact, Self::Minimum, Self::Maximum, Self::Better];

    /// The word in messages and settings.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Minimum => "minimum",
            Self::Maximum => "maximum",
            Self::Better => "better",
        }
    }

    /// The comparison of this word.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.as_str() == text)
    }
}

/// AuthnContextClassRefs that are asked for, and which others are enough.
///
/// # Deployment caveat
///
/// SAML does not say which method is stronger than another; core 3.3.2.2.1 leaves it to each
/// identity provider, and they differ. Whatever is not `exact` is therefore decided here by a list
/// of the operator's own, from the weakest to the strongest, and a class that is not on the list is
/// neither stronger nor weaker than any other: it is enough only where it was asked for by name.
/// What an identity provider makes of `minimum` can be something else; then its answer is refused
/// (`authn.context`), and never taken for more than the list says it is.
///
/// ```
/// use samlgate::saml::asked::{AskedContext, Comparison};
/// let list = ["urn:password", "urn:code", "urn:key"].map(str::to_owned);
/// let asked = AskedContext::new(&list[1..2], Comparison::Minimum, &list).unwrap();
/// assert!(asked.is_met_by("urn:key") && asked.is_met_by("urn:code"));
/// assert!(!asked.is_met_by("urn:password") && !asked.is_met_by("urn:other"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AskedContext<'a> {
    classes: &'a [String],
    comparison: Comparison,
    order: &'a [String],
}

/// Why a question about methods can not be asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AskedError {
    /// Core 3.3.2.2.1: there is at least one.
    #[error("no AuthnContextClassRef is given to compare with")]
    NoClass,
    /// A class without a name.
    #[error("an AuthnContextClassRef is empty")]
    Empty,
    /// One of them stands twice, so that it would be stronger than itself.
    #[error("{0} stands twice in the order of authentication contexts")]
    Twice(String),
    /// A comparison needs to know where it stands.
    #[error(
        "{class} is not in the order of authentication contexts, so nothing is {comparison} than it"
    )]
    NotInOrder {
        /// The class.
        class: String,
        /// What was asked for.
        comparison: &'static str,
    },
    /// Nothing on the list is enough.
    #[error("no authentication context is better than {0}, which is the last in the order")]
    NothingBetter(String),
}

impl<'a> AskedContext<'a> {
    /// `order` goes from the weakest to the strongest, and is not looked at for `exact`.
    pub fn new(
        classes: &'a [String],
        comparison: Comparison,
        order: &'a [String],
    ) -> Result<Self, AskedError> {
        let asked = Self { classes, comparison, order };
        if classes.is_empty() {
            return Err(AskedError::NoClass);
        }
        if classes.iter().chain(order).any(String::is_empty) {
            return Err(AskedError::Empty);
        }
        if comparison == Comparison::Exact {
            return Ok(asked);
        }
        let before = |place: usize| order.iter().take(place);
        let mut all = order.iter().enumerate();
        if let Some((_, twice)) = all.find(|(place, class)| before(*place).any(|one| one == *class))
        {
            return Err(AskedError::Twice(twice.clone()));
        }
        if let Some(class) = classes.iter().find(|class| asked.rank(class).is_none()) {
            let comparison = match comparison {
                Comparison::Maximum => "weaker",
                _ => "stronger",
            };
            return Err(AskedError::NotInOrder { class: class.clone(), comparison });
        }
        match (asked.enough().next(), order.last()) {
            (None, Some(last)) => Err(AskedError::NothingBetter(last.clone())),
            _ => Ok(asked),
        }
    }

    /// One of these; `None` when there are none, which asks for nothing.
    pub const fn exact(classes: &'a [String]) -> Option<Self> {
        if classes.is_empty() {
            return None;
        }
        Some(Self { classes, comparison: Comparison::Exact, order: &[] })
    }

    /// The classes by name.
    pub const fn classes(&self) -> &'a [String] {
        self.classes
    }

    /// How others compare with them.
    pub const fn comparison(&self) -> Comparison {
        self.comparison
    }

    /// Whether this method is enough.
    pub fn is_met_by(&self, class: &str) -> bool {
        if self.comparison != Comparison::Better && self.classes.iter().any(|one| one == class) {
            return true;
        }
        let Some(found) = self.rank(class) else {
            return false;
        };
        let mut ranks = self.classes.iter().filter_map(|one| self.rank(one));
        match self.comparison {
            Comparison::Exact => false,
            Comparison::Minimum => ranks.any(|rank| found >= rank),
            Comparison::Maximum => ranks.any(|rank| found <= rank),
            Comparison::Better => ranks.all(|rank| found > rank),
        }
    }

    /// By name, all that is enough as far as we know: what `exact` has to list to ask for the same.
    pub fn enough(&self) -> impl Iterator<Item = &'a str> {
        let own = match self.comparison {
            Comparison::Better => &[][..],
            _ => self.classes,
        };
        let asked = *self;
        let others = asked
            .order
            .iter()
            .filter(move |class| asked.is_met_by(class) && !own.iter().any(|one| one == *class));
        own.iter().chain(others).map(String::as_str)
    }

    /// In words, what would be enough.
    pub(in crate::saml) fn shown(&self) -> String {
        let classes = self.classes.join(", ");
        match self.comparison {
            Comparison::Exact => classes,
            comparison => format!(
                "{} {classes}: {}",
                comparison.as_str(),
                self.enough().collect::<Vec<_>>().join(", ")
            ),
        }
    }

    /// The place in the order.
    fn rank(&self, class: &str) -> Option<usize> {
        self.order.iter().position(|one| one == class)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn met(classes: &[&str], comparison: Comparison) -> Vec<&'static str> {
        let (classes, order) = (list(classes), list(&["a", "b", "c", "d"]));
        let asked = AskedContext::new(&classes, comparison, &order).unwrap();
        let met = ["a", "b", "c", "d", "x", ""];
        let met: Vec<_> = met.into_iter().filter(|class| asked.is_met_by(class)).collect();
        let mut enough = asked.enough().collect::<Vec<_>>();
        enough.sort_unstable();
        assert_eq!(enough, met, "{comparison:?}");
        met
    }

    #[test]
    fn each_comparison_is_that_of_the_standard() {
        use Comparison::{Better, Exact, Maximum, Minimum};
        assert_eq!(met(&["b"], Exact), ["b"]);
        assert_eq!(met(&["d", "b"], Exact), ["b", "d"]);
        assert_eq!(met(&["b"], Minimum), ["b", "c", "d"]);
        assert_eq!(met(&["c", "b"], Minimum), ["b", "c", "d"]);
        assert_eq!(met(&["b"], Maximum), ["a", "b"]);
        assert_eq!(met(&["a", "c"], Maximum), ["a", "b", "c"]);
        assert_eq!(met(&["b"], Better), ["c", "d"]);
        // Stronger than any of them is stronger than the strongest.
        assert_eq!(met(&["a", "c"], Better), ["d"]);
    }

    #[test]
    fn a_class_that_is_not_on_the_list_is_enough_by_name_alone() {
        let (classes, order) = (list(&["x"]), list(&["a", "b"]));
        let asked = AskedContext::exact(&classes).unwrap();
        assert!(asked.is_met_by("x") && !asked.is_met_by("a") && !asked.is_met_by("X"));
        assert!(AskedContext::exact(&[]).is_none());
        let asked = AskedContext::new(&classes, Comparison::Exact, &order).unwrap();
        assert!(asked.is_met_by("x") && !asked.is_met_by("b"));
        assert_eq!(asked.enough().collect::<Vec<_>>(), ["x"]);
    }

    #[test]
    fn a_question_without_a_meaning_is_not_asked() {
        use Comparison::{Better, Exact, Maximum, Minimum};
        let asked = |classes: &[&str], comparison, order: &[&str]| {
            let (classes, order) = (list(classes), list(order));
            AskedContext::new(&classes, comparison, &order).map(|_| ())
        };
        let order = &["a", "b"][..];
        assert_eq!(asked(&[], Exact, order), Err(AskedError::NoClass));
        assert_eq!(asked(&[""], Exact, order), Err(AskedError::Empty));
        assert_eq!(asked(&["a"], Minimum, &["a", ""]), Err(AskedError::Empty));
        assert_eq!(
            asked(&["a"], Minimum, &["a", "b", "a"]),
            Err(AskedError::Twice("a".to_owned()))
        );
        for (comparison, word) in [
            (Minimum, "stronger"),
            (Maximum, "weaker"),
            (Better, "stronger"),
        ] {
            let error = asked(&["a", "x"], comparison, order);
            let class = "x".to_owned();
            assert_eq!(
                error,
                Err(AskedError::NotInOrder { class, comparison: word })
            );
        }
        assert_eq!(
            asked(&["b"], Better, order),
            Err(AskedError::NothingBetter("b".to_owned()))
        );
        assert_eq!(asked(&["a"], Better, order), Ok(()));
        assert_eq!(asked(&["x"], Exact, &["a", "a"]), Ok(()));
    }

    #[test]
    fn a_comparison_has_a_word() {
        for comparison in Comparison::ALL {
            assert_eq!(Comparison::parse(comparison.as_str()), Some(comparison));
        }
        assert_eq!(Comparison::parse("Exact"), None);
        assert_eq!(Comparison::default(), Comparison::Exact);
    }

    #[test]
    fn a_maximum_age_is_asked_for_by_force_authn() {
        assert!(!Asked::NOTHING.forces());
        assert_eq!(Asked::default(), Asked::NOTHING);
        assert!(Asked { force_authn: true, ..Asked::NOTHING }.forces());
        assert!(Asked { max_age: Some(Duration::ZERO), ..Asked::NOTHING }.forces());
    }
}
