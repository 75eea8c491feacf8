//! How threads share the memory of the C library's allocator.
//!
//! glibc gives every thread memory of its own ("arena"), up to eight times as many as there are processors. What one of them
//! has freed does not serve the others, so that a check of a million files takes 30 MB more, and touches them.

// mallopt(3) has no safe wrapper in a crate that we use. Safety: it takes two numbers and no memory; it must not run while
// another thread allocates ("MT-Unsafe init"), so it is left alone where there is any other thread.
#![cfg_attr(
    all(target_os = "linux", target_env = "gnu"),
    expect(unsafe_code, reason = "mallopt(3) has no safe wrapper in a crate that we use")
)]

use super::files;
use std::path::Path;

/// Lets two processors share an arena, for a program that has just begun. Does nothing where the environment says how many
/// there are to be, where there are other threads already, and with another C library.
pub fn share_arenas() {
    let is_told = ["MALLOC_ARENA_MAX", "GLIBC_TUNABLES"].into_iter().any(|name| std::env::var_os(name).is_some());
    if !is_told && is_alone() {
        let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        limit(libc::c_int::try_from(processors.div_ceil(2)).unwrap_or(libc::c_int::MAX));
    }
}

/// Whether this process has only one thread (`proc_pid_status(5)`, `Threads`). Where nothing tells, it has not.
fn is_alone() -> bool {
    let status = files::read(Path::new("/proc/self/status")).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let threads = status.as_deref().and_then(|text| text.lines().find_map(|line| line.strip_prefix("Threads:")));
    threads.is_some_and(|threads| threads.trim() == "1")
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn limit(arenas: libc::c_int) {
    // SAFETY: see the head of this file. A limit that is refused leaves things as they are.
    unsafe { libc::mallopt(libc::M_ARENA_MAX, arenas) };
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn limit(_: libc::c_int) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beside_other_threads_it_is_left_alone() {
        std::thread::scope(|scope| {
            let (done, wait) = std::sync::mpsc::channel::<()>();
            scope.spawn(move || wait.recv());
            assert!(!is_alone());
            drop(done);
        });
    }
}
