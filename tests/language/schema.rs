//! The JSON Schema of tree files: it is that of the program, and takes and refuses what the program does.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

const SHIPPED: &str = "schema/tree.schema.json";

fn validator() -> jsonschema::Validator {
    let schema = serde_json::from_str(&std::fs::read_to_string(SHIPPED).expect("the schema")).expect("JSON");
    jsonschema::validator_for(&schema).expect("a schema")
}

fn tree(path: &Path) -> Option<Value> {
    let table: toml::Table = std::fs::read_to_string(path).expect("a file").parse().ok()?;
    Some(serde_json::to_value(table).expect("JSON"))
}

fn files(folder: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    let tree_of = |path: PathBuf| if path.is_dir() { path.join("tree.toml") } else { path };
    let is_tree = |path: &PathBuf| {
        path.extension().is_some_and(|extension| extension == "toml")
            && !path.to_string_lossy().ends_with(".test.toml")
            && path.is_file()
    };
    let mut files: Vec<_> = entries.map(tree_of).filter(is_tree).collect();
    files.sort();
    files
}

#[test]
fn the_shipped_schema_is_what_the_program_prints() {
    let output = Command::new(env!("CARGO_BIN_EXE_astfs")).arg("schema").output().expect("the program runs");
    assert!(output.status.success());
    let printed = String::from_utf8(output.stdout).expect("text");
    if std::env::var_os("UPDATE_EXPECTED").is_some() {
        std::fs::write(SHIPPED, &printed).expect("the schema can be written");
    }
    assert!(
        std::fs::read_to_string(SHIPPED).expect("the schema") == printed,
        "`astfs schema` prints another"
    );
}

#[test]
fn every_tree_without_mistakes_is_accepted_and_shipped_ones_name_the_schema() {
    let validator = validator();
    let folders = ["trees", "trees/asterisk", "tests/language/good", "tests/trees"];
    for path in folders.into_iter().flat_map(files) {
        let tree = tree(&path).expect("TOML");
        let errors: Vec<_> = validator.iter_errors(&tree).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{}: {errors:?}", path.display());
    }
    for (folder, project) in [("trees", "../"), ("trees/asterisk", "../../")] {
        for path in files(folder) {
            let text = std::fs::read_to_string(&path).expect("a file");
            let first = format!("#:schema {project}schema/tree.schema.json\n");
            assert!(text.starts_with(&first), "{}", path.display());
        }
    }
}

#[test]
fn trees_with_mistakes_of_form_are_refused() {
    let validator = validator();
    let trees = files("tests/language/bad").into_iter().filter_map(|path| Some((tree(&path)?, path)));
    let refused: Vec<_> = trees
        .filter(|(tree, _)| !validator.is_valid(tree))
        .map(|(_, path)| path.display().to_string())
        .collect();
    for name in [
        "addresses",
        "modes",
        "unknown_keys",
        "wrong_types",
        "query_sources",
        "refresh",
        "parsers_and_formats",
        "on_error",
        "paths",
        "two_meanings",
        "ten_mistakes",
        "no_key",
        "multi_line_tables",
    ] {
        let path = format!("tests/language/bad/{name}.toml");
        assert!(refused.contains(&path), "{name} is accepted; refused are {refused:?}");
    }
}
