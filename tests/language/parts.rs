//! Trees of several files.

use std::path::Path;

use astfs::language::{LoadOptions, load};

use crate::good;

#[test]
fn the_parts_of_a_tree_are_one_tree_and_the_including_files_settings_count() {
    let model = good::model("tests/language/good/parts/tree.toml");
    assert_eq!(model.entries.len(), 4);
    assert_eq!((model.query_names.len(), model.queries.len()), (2, 2), "a part included twice is read once");
    let server = model.servers.get("").expect("a server");
    assert_eq!((server.address.as_deref(), server.user.as_deref()), (Some("127.0.0.1:5038"), Some("mine")));
    assert_eq!(server.plain_login, Some(true));
    assert_eq!((model.defaults.mode, model.defaults.dir_mode), (0o440, 0o500));
    let name = model.entries.iter().find(|entry| entry.place.text().contains("name")).expect("an entry");
    assert!(name.place.source.path().ends_with("parts/peers.toml"));
}

#[test]
fn every_file_that_was_looked_at_is_known_also_those_that_are_not_there() {
    let folder = Path::new("tests/language/good/parts");
    let (model, report) = load(&folder.join("tree.toml"), &LoadOptions::default()).expect("a readable file");
    for path in [
        "tree.toml",
        "parts/server.toml",
        "parts/peers.toml",
        "parts/deeper/version.toml",
        "templates",
        "templates/name.j2",
        "templates/optional.j2",
    ] {
        let path = folder.join(path);
        let same = |known: &std::path::PathBuf| match (known.canonicalize(), path.canonicalize()) {
            (Ok(known), Ok(path)) => known == path,
            _ => *known == path,
        };
        assert!(report.files().iter().any(same), "{} of {:?}", path.display(), report.files());
    }
    assert_eq!(&model.expect("a model").files, report.files());
    let bad = Path::new("tests/language/bad/include");
    let (_, report) = load(&bad.join("tree.toml"), &LoadOptions::default()).expect("a readable file");
    for path in ["parts/nothing.toml", "parts/more.toml", "templates"] {
        assert!(report.files().contains(&bad.join(path)), "{path}: {:?}", report.files());
    }
}

#[test]
fn what_is_not_named_as_toml_is_not_read_also_by_way_of_a_link() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("a file");
    write("shadow", "root:hunter2:1");
    std::os::unix::fs::symlink(folder.path().join("shadow"), folder.path().join("link.toml"))
        .expect("a link");
    write("tree.toml", "include = [\"shadow\", \"link.toml\"]\n[tree]\n");
    let (model, report) = load(&folder.path().join("tree.toml"), &LoadOptions::default()).expect("a file");
    assert!(model.is_none());
    assert_eq!(report.diagnostics().len(), 2);
    assert!(!report.render(false).contains("hunter2"), "{}", report.render(false));
}
