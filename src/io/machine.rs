//! What this machine is: for a deployment that is on this very machine, and never for another one.

use super::files;
use std::path::Path;

/// The system that this program runs on, as Python's `platform` module names things.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    /// `platform.system()`: `Linux`.
    pub system: Option<String>,
    /// `platform.release()`.
    pub release: Option<String>,
    /// `platform.machine()`, where it follows from what this program was compiled for.
    pub machine: Option<&'static str>,
}

/// How many bytes this process has had fetched from storage so far: what is read and not cached (`proc_pid_io(5)`,
/// `read_bytes`). `None` where the system does not count.
#[must_use]
pub fn bytes_from_storage() -> Option<u64> {
    let bytes = files::read(Path::new("/proc/self/io")).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    text.lines().find_map(|line| line.strip_prefix("read_bytes: "))?.parse().ok()
}

impl Machine {
    /// This one (proc(5), `/proc/sys/kernel`).
    #[must_use]
    pub fn this() -> Self {
        let told = |name: &str| {
            let bytes = files::read(&Path::new("/proc/sys/kernel").join(name)).ok()?;
            Some(String::from_utf8(bytes).ok()?.trim().to_owned()).filter(|text| !text.is_empty())
        };
        // A 64-bit program runs on no other machine; a 32-bit one does.
        let machine = ["x86_64", "aarch64"].into_iter().find(|name| *name == std::env::consts::ARCH);
        Self { system: told("ostype"), release: told("osrelease"), machine }
    }
}
