//! The `astfs` program; everything it does is in [`astfs::cli`].

fn main() {}
