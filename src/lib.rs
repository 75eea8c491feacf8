//! rectify tells which deployed files, packages and data stores are not what a batou or zc.buildout deployment would
//! make, says how each one is damaged, and writes the ordered plan that puts them right. It changes nothing itself.
//!
//! This page is the map of the house. Every module's own page opens with what it takes, gives and deliberately does
//! not do.
//!
//! # The way of the data
//!
//! Data goes one way, from what should be and what is there to what to do:
//!
//! ```text
//!  definition ──► expect ──► MANIFEST + GRAPH ─────────────┐
//!  (batou, buildout)  what would be there, and why         │
//!  references ──► vendor digests: RECORD, dpkg, rpm, …  ───┤
//!                                                          ▼
//!  live tree ───► live ────► OBSERVATIONS ───────────► findings ──► plan ──► report, tickets
//!                                                          ▲          ▲
//!  backups ─────► RESTORE POINTS (older contents as evidence, too) ───┘
//! ```
//!
//! First the definition is read and turned into a *manifest*: every path that should exist, with its content, origin
//! and the way it is made anew, and the graph of units that make them. Then the hosts are looked at, which gives
//! *observations*. Comparing both gives *findings*, each with its evidence; findings and restore points give the
//! *plan*; the plan is shown. Looking is not judging, and judging is not fixing.
//!
//! Between any two stages everything can be saved as a file. A manifest made where the secrets are is scanned on a
//! damaged host that has no Python, no secrets and no checkout, and the plan is made elsewhere.
//!
//! # The modules
//!
//! The vocabulary, and what all stand on:
//!
//! - [`model`]: the words that the stages say to each other. Data only. What there is one of for every file is packed and
//!   put together when it is asked for: [`model::observations`], [`model::artifacts`], [`model::claims`].
//! - [`io`]: the only place that touches the machine: disk, processes, git, clock, output.
//! - [`monitor`]: progress as a trait.
//! - [`settings`]: reads `rectify.toml`; imports [`io`] and [`model`].
//!
//! What should be:
//!
//! - [`definition`]: reads batou environments and components, and buildout configurations.
//! - [`expect`]: definition to manifest; one file per component kind and recipe.
//! - [`references`]: digests by whoever made a package or archive; one file per source. `references::packages` reads the
//!   databases of operating systems, `references::baseline` earlier scans.
//!
//! What is there:
//!
//! - [`live`]: walks, digests and classifies blocks. Observes, never judges. `live::engine` reads, `live::lanes` digests
//!   many streams at once, `live::verify` holds a tree against very many claims and keeps only what deviates,
//!   `live::intrinsic` holds a file against its own format, one file per format.
//! - [`backups`]: which restore points there are; one file per source.
//!
//! What it means:
//!
//! - [`findings`]: manifest and observations to findings; then what belongs together, what other hosts and damaged notes
//!   say, and when it happened. Pure.
//! - [`plan`]: findings, graph and restore points to ordered steps. Pure.
//!
//! What people and programs see:
//!
//! - [`report`]: the one serialised view, and one file per output format. Pure.
//! - [`tickets`]: grouping, fingerprints, bodies by template. Pure.
//! - [`pipeline`]: the main path, readable in one screen; the only code that knows all stages.
//! - [`cli`]: one file per subcommand, exit codes, progress bars.
//!
//! # Who may import whom
//!
//! Stages import [`model`] only; those that read or observe ([`definition`], [`references`], [`live`], [`backups`]) also
//! [`io`] and [`monitor`]. [`expect`] imports [`definition`], and the pure parsers of [`references`]. [`tickets`] imports
//! [`report`], whose view it renders. [`pipeline`] imports all stages; [`cli`] imports [`pipeline`], [`report`] and
//! [`tickets`]. Plug-ins of one kind never import each other. Each external crate has one home. The test
//! `tests/integration/tidy.rs` reads the sources and fails on a wrong arrow.
//!
//! # Invariants
//!
//! > **Architecture invariant: nothing is written below a live tree.** All writing is in [`io::output`], to files that
//! > the user named; `clippy.toml` bans the standard library's file functions everywhere else.
//!
//! > **Architecture invariant: unknown is a value.** What cannot be known carries its reason ([`model::eval::Why`]) to
//! > the end and is counted in every summary. It is never an all-clear.
//!
//! > **Architecture invariant: absence needs proof.** Only a directory that was listed to its end proves that a name is
//! > missing ([`model::observation::Scan::sighting`]).
//!
//! > **Architecture invariant: secret content never reaches the view** ([`report::view`]), so that no format, ticket or
//! > saved plan can leak it.
//!
//! > **Architecture invariant: same input, same bytes.** Maps are sorted, the time is passed in, ties are broken by id.
//! > A saved plan renders to the same bytes as the run that made it.
//!
//! > **Architecture invariant: commands are argument vectors** ([`model::command`]), never shell strings, and rectify
//! > never runs them.
//!
//! # Three channels for bad news
//!
//! An *error* ([`pipeline::Error`]): rectify cannot go on. A *diagnostic* ([`model::diagnostic`]): a definition is wrong
//! or not understood; collected, never thrown. A *finding* ([`model::finding`]): the live system differs. None is ever
//! turned into another.

pub mod backups;
pub mod cli;
pub mod definition;
pub mod expect;
pub mod findings;
pub mod io;
pub mod live;
pub mod model;
pub mod monitor;
pub mod pipeline;
pub mod plan;
pub mod references;
pub mod report;
pub mod settings;
pub mod tickets;
