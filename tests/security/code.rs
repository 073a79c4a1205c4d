//! What the program itself is made of.

use std::fs;
use std::path::{Path, PathBuf};

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, found);
        } else {
            found.push(path);
        }
    }
}

#[test]
fn the_only_unsafe_code_is_that_of_one_macro_of_a_crate_that_is_made_for_it() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&source, &mut files);
    assert!(files.len() > 100, "{}", files.len());
    let mut allowed = Vec::new();
    for file in files.iter().filter(|file| file.extension().is_some_and(|extension| extension == "rs")) {
        let text = fs::read_to_string(file).expect("a source file");
        let written = text
            .lines()
            .filter(|line| line.split(|c: char| !c.is_alphanumeric()).any(|word| word == "unsafe"));
        // the attributes that forbid it, and allow it, are about `unsafe_code`
        let code: Vec<_> = written.filter(|line| !line.contains("unsafe_code")).collect();
        assert!(code.is_empty(), "{}: {code:?}", file.display());
        if text.contains("allow(unsafe_code") {
            allowed.push(file.strip_prefix(&source).expect("a file below").to_owned());
        }
    }
    assert_eq!(allowed, [Path::new("language/compiled.rs")]);
    // elsewhere the compiler refuses it
    assert!(include_str!("../../src/lib.rs").contains("#![deny(unsafe_code)]"));
    assert!(include_str!("../../src/main.rs").contains("#![forbid(unsafe_code)]"));
}
