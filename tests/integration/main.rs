//! Integration tests: one binary, one module per subject.

mod buildout_parity;
