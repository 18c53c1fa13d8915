//! Where the next character stands that means something.

/// The first of these bytes in a text.
///
/// Texts and values are short, some forty bytes: to choose the best instructions at each call takes
/// longer than to look through one. Those that every x86-64 has are known when this is compiled.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub(super) fn first_of<const A: u8, const B: u8, const C: u8>(text: &[u8]) -> Option<usize> {
    match memchr::arch::x86_64::sse2::memchr::Three::new(A, B, C) {
        Some(three) => three.find(text),
        None => memchr::memchr3(A, B, C, text),
    }
}

/// The first of these bytes in a text.
#[cfg(not(target_arch = "x86_64"))]
pub(super) fn first_of<const A: u8, const B: u8, const C: u8>(text: &[u8]) -> Option<usize> {
    memchr::memchr3(A, B, C, text)
}
