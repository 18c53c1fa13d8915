//! The attribute Names that products use.
