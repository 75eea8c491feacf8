//! `.installed.cfg`.
