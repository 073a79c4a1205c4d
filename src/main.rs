//! The `astfs` program; everything it does is in [`astfs::cli`].

#![forbid(unsafe_code)]

use std::process::ExitCode;

/// Hundreds of thousands of small things come and go beside answers of many megabytes: after a storm of
/// changes, the C library's allocator holds half as much again for the same.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    astfs::cli::run()
}
