//! What a sign-in has to be, besides genuine: by which method, and how long ago.
//!
//! In: what an operator asks for, of an identity provider and of a route. Out: [`AskedBoth`], which goes
//! into the request ([`super::authn_request`]) and is checked in the answer ([`super::profile`]).
//! Promised: both are the same value, so that nothing is asked for and then not looked at. A
//! request is a wish: it may lose its wishes on the way where it is not signed, and many identity
//! providers answer as if it had none.

use std::time::Duration;

use crate::base::Timestamp;

/// What one party asks for: an identity provider's settings, or a page. The default asks for nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
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

impl<'a> Asked<'a> {
    /// Nothing.
    pub const NOTHING: Self = Self { context: None, force_authn: false, max_age: None };

    /// What an identity provider is always asked for, and what a page wants besides.
    pub const fn and(self, page: Self) -> AskedBoth<'a> {
        AskedBoth { always: self, page, link: Asked::NOTHING }
    }
}

/// All that is asked for in one request, and checked in its answer.
///
/// The wishes of all parties are checked. A request has room for one question about methods: the
/// page's is asked, since what it wants is more than what everybody has to bring; or the link's, if
/// whatever is enough for the link is enough for the others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct AskedBoth<'a> {
    /// What this identity provider is always asked for.
    pub always: Asked<'a>,
    /// What the page wants that the person goes to.
    pub page: Asked<'a>,
    /// What the link wants by which they came ([`super::wish`]).
    pub link: Asked<'a>,
}

impl<'a> From<Asked<'a>> for AskedBoth<'a> {
    fn from(always: Asked<'a>) -> Self {
        always.and(Asked::NOTHING)
    }
}

/// What a sign-in lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lacking {
    /// Another method.
    Context,
    /// It was too long ago.
    Age,
}

impl Lacking {
    /// The word for it in logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Context => "context",
            Self::Age => "age",
        }
    }
}

impl<'a> AskedBoth<'a> {
    /// The method that the request asks for.
    pub fn context(&self) -> Option<AskedContext<'a>> {
        let others = Self { link: Asked::NOTHING, ..*self };
        let link = self.link.context;
        let link_is_more =
            link.filter(|link| link.enough().all(|class| others.is_met_by(Some(class))));
        link_is_more.or(self.page.context).or(self.always.context).or(link)
    }

    /// Whether authentication has to be fresh.
    pub const fn force_authn(&self) -> bool {
        self.always.force_authn || self.page.force_authn || self.link.force_authn
    }

    /// How long ago it may be.
    pub fn max_age(&self) -> Option<Duration> {
        [self.always.max_age, self.page.max_age, self.link.max_age]
            .into_iter()
            .flatten()
            .min()
    }

    /// Whether the request has ForceAuthn.
    pub fn forces(&self) -> bool {
        self.force_authn() || self.max_age().is_some()
    }

    /// Whether this method is enough.
    pub fn is_met_by(&self, class: Option<&str>) -> bool {
        let mut contexts = self.contexts();
        contexts.all(|asked| class.is_some_and(|class| asked.is_met_by(class)))
    }

    /// What a session that began with such a sign-in lacks: whether its person has to be sent back
    /// for more before they see a page. `None` when it is enough.
    ///
    /// The same rules as for the answer, with the same tolerance for clocks: who was sent back and
    /// has returned is not sent back again at once. Whether authentication was fresh
    /// ([`Asked::force_authn`]) is a question to an answer, and none to a session.
    pub fn lacks(
        &self,
        class: Option<&str>,
        authn_instant: Timestamp,
        clock_skew: Duration,
        now: Timestamp,
    ) -> Option<Lacking> {
        if !self.is_met_by(class) {
            return Some(Lacking::Context);
        }
        let oldest = self.max_age().map(|age| now.minus(age).minus(clock_skew));
        oldest.filter(|oldest| authn_instant < *oldest).map(|_| Lacking::Age)
    }

    /// The questions about methods.
    pub(in crate::saml) fn contexts(&self) -> impl Iterator<Item = AskedContext<'a>> {
        [self.link.context, self.page.context, self.always.context]
            .into_iter()
            .flatten()
    }

    /// In words, which methods would be enough.
    pub(in crate::saml) fn shown(&self) -> String {
        self.contexts().map(|asked| asked.shown()).collect::<Vec<_>>().join("; and ")
    }
}

/// How the method that was used compares with those that were asked for (core 3.3.2.2.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
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
    fn shown(&self) -> String {
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
    fn what_an_identity_provider_and_a_page_want_is_checked_both() {
        let (always, page) = (list(&["a", "b"]), list(&["b", "c"]));
        let minute = Duration::from_secs(60);
        let of_idp = Asked {
            context: AskedContext::exact(&always),
            max_age: Some(minute * 2),
            force_authn: false,
        };
        let of_page = Asked {
            context: AskedContext::exact(&page),
            max_age: Some(minute),
            force_authn: true,
        };
        let both = of_idp.and(of_page);
        assert_eq!(both.context(), of_page.context, "the page's is asked for");
        assert!(both.is_met_by(Some("b")));
        for other in [Some("a"), Some("c"), Some("x"), None] {
            assert!(!both.is_met_by(other), "{other:?}");
        }
        assert_eq!((both.max_age(), both.force_authn()), (Some(minute), true));
        let alone = AskedBoth::from(of_idp);
        assert_eq!(
            (alone.context(), alone.max_age()),
            (of_idp.context, of_idp.max_age)
        );
        assert!(!alone.force_authn() && alone.is_met_by(Some("a")));
        assert!(AskedBoth::default().is_met_by(None));
    }

    #[test]
    fn a_link_adds_to_what_is_asked_and_takes_nothing_away() {
        let order = list(&["a", "b", "c"]);
        let (page, more, less) = (list(&["b"]), list(&["c"]), list(&["a"]));
        let of_page = AskedContext::new(&page, Comparison::Minimum, &order).ok();
        let with_link = |link: &[String]| {
            let link = AskedContext::exact(link);
            let page = Asked { context: of_page, ..Asked::NOTHING };
            let mut asked = Asked::NOTHING.and(page);
            asked.link = Asked { context: link, force_authn: true, ..Asked::NOTHING };
            let met = ["a", "b", "c"].into_iter().filter(|one| asked.is_met_by(Some(one)));
            let met: Vec<_> = met.collect();
            assert!(asked.forces());
            (asked.context() == link, met)
        };
        assert_eq!(with_link(&more), (true, vec!["c"]));
        assert_eq!(with_link(&less), (false, vec![]), "the page's is asked for");
        let alone = Asked { context: AskedContext::exact(&less), ..Asked::NOTHING };
        let alone = AskedBoth { link: alone, ..AskedBoth::default() };
        assert_eq!(alone.context(), AskedContext::exact(&less));
    }

    #[test]
    fn a_session_is_measured_as_the_answer_was() {
        let now = Timestamp::parse_saml("2026-11-21T12:00:00Z").unwrap();
        let (skew, hour) = (Duration::from_secs(180), Duration::from_secs(3600));
        let strong = list(&["strong"]);
        let page = Asked {
            context: AskedContext::exact(&strong),
            max_age: Some(hour),
            force_authn: false,
        };
        let asked = Asked::NOTHING.and(page);
        let lacks = |class, at| asked.lacks(class, at, skew, now);
        let oldest = now.minus(hour).minus(skew);
        let older = oldest.minus(Duration::from_secs(1));
        assert_eq!(lacks(Some("strong"), oldest), None);
        assert_eq!(lacks(Some("strong"), older), Some(Lacking::Age));
        assert_eq!(lacks(Some("weak"), oldest), Some(Lacking::Context));
        assert_eq!(lacks(None, older), Some(Lacking::Context));
        assert_eq!(
            AskedBoth::default().lacks(None, Timestamp::EPOCH, skew, now),
            None
        );
    }

    #[test]
    fn a_maximum_age_is_asked_for_by_force_authn() {
        let forces = |asked: Asked<'_>| {
            (
                AskedBoth::from(asked).forces(),
                Asked::NOTHING.and(asked).forces(),
            )
        };
        assert_eq!(forces(Asked::NOTHING), (false, false));
        assert_eq!(
            forces(Asked { force_authn: true, ..Asked::NOTHING }),
            (true, true)
        );
        let aged = Asked { max_age: Some(Duration::ZERO), ..Asked::NOTHING };
        assert_eq!(forces(aged), (true, true));
    }
}
