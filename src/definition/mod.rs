//! Reads definitions: what somebody wrote down that should be deployed. Looks at no live tree.

pub mod buildout;
