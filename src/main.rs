//! The `astfs` program; everything it does is in [`astfs::cli`].

#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    astfs::cli::run()
}
