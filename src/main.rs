//! The `astfs` program; everything it does is in [`astfs::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    astfs::cli::run()
}
