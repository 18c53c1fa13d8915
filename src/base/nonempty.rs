//! A list that has a first element.

/// One value and perhaps more.
///
/// ```
/// use samlgate::base::NonEmpty;
/// assert!(NonEmpty::<u8>::from_vec(vec![]).is_none());
/// assert_eq!(NonEmpty::from_vec(vec![1, 2]).unwrap().first(), &1);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NonEmpty<T> {
    first: T,
    rest: Vec<T>,
}

impl<T> NonEmpty<T> {
    /// A list of exactly one.
    pub const fn one(first: T) -> Self {
        Self { first, rest: Vec::new() }
    }

    /// `None` for an empty vector.
    pub fn from_vec(values: Vec<T>) -> Option<Self> {
        let mut values = values.into_iter();
        let first = values.next()?;
        Some(Self { first, rest: values.collect() })
    }

    /// The element that is always there.
    pub const fn first(&self) -> &T {
        &self.first
    }

    /// All elements in order.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        std::iter::once(&self.first).chain(&self.rest)
    }

    /// How many; at least one.
    #[expect(clippy::len_without_is_empty, reason = "it never is")]
    pub const fn len(&self) -> usize {
        self.rest.len().saturating_add(1)
    }
}
