//! Groups and attribute values → roles.

use crate::base::RoleName;
use crate::identity::{Mapped, RoleRule};

/// The roles that the rules grant, sorted, each once.
pub fn roles(_rules: &[RoleRule], _mapped: &Mapped) -> Vec<RoleName> {
    Vec::new()
}
