//! What is made from the program's arguments: completions for shells, and manual pages.

#![allow(clippy::expect_used, reason = "what a test expects of its ground")]

use std::fs;
use std::process::{Command, Output};

/// The commands of the program, as its help lists them.
fn commands() -> Vec<String> {
    let help = text(&astfs(&["--help"]));
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    listed
        .take_while(|line| !line.is_empty())
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next().map(str::to_owned))
        .filter(|command| command != "help")
        .collect()
}

fn astfs(arguments: &[&str]) -> Output {
    let program = env!("CARGO_BIN_EXE_astfs");
    let output = Command::new(program).args(arguments).output().expect("the program runs");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

fn text(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("text")
}

/// What bash offers for the last of these words, one a line.
fn offered_by_bash(words: &[&str]) -> Vec<String> {
    let folder = tempfile::tempdir().expect("a folder");
    let script = folder.path().join("astfs.bash");
    fs::write(&script, astfs(&["completions", "bash"]).stdout).expect("a script");
    let count = words.len();
    let (word, before) = (words[count - 1], words[count - 2]);
    let ask = format!(
        "source {script}; COMP_WORDS=({words}); COMP_CWORD={index}; \
         function=$(complete -p astfs | sed 's/.*-F \\([^ ]*\\).*/\\1/'); \
         $function astfs '{word}' '{before}'; printf '%s\\n' \"${{COMPREPLY[@]}}\"",
        script = script.display(),
        words = words.iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join(" "),
        index = count - 1,
    );
    let output = Command::new("bash").args(["--norc", "-c", &ask]).output().expect("bash runs");
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    text(&output).lines().filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

#[test]
fn bash_completes_commands_and_options() {
    assert_eq!(offered_by_bash(&["astfs", "mo"]), ["mount"]);
    let all = offered_by_bash(&["astfs", ""]);
    for command in commands() {
        assert!(all.contains(&command), "{command} is not among {all:?}");
    }
    assert_eq!(offered_by_bash(&["astfs", "check", "--temp"]), ["--templates"]);
    assert_eq!(offered_by_bash(&["astfs", "demo", "--asterisk", "1"]), ["13", "16"]);
}

#[test]
fn bash_leaves_a_tree_files_place_to_its_own_completion_of_paths() {
    for words in
        [&["astfs", "check", ""][..], &["astfs", "check", "trees/"], &["astfs", "mount", "tree.toml", ""]]
    {
        let offered = offered_by_bash(words);
        assert!(offered.is_empty(), "{words:?}: {offered:?}");
    }
    let script = text(&astfs(&["completions", "bash"]));
    let registered = script.lines().filter(|line| line.trim_start().starts_with("complete -F"));
    for line in registered {
        assert!(line.contains("-o default"), "{line}");
    }
}

#[test]
fn other_shells_know_every_command_and_that_a_tree_is_a_path() {
    for (shell, path) in [("zsh", ":_files"), ("fish", "-r -F")] {
        let script = text(&astfs(&["completions", shell]));
        assert!(script.contains(path), "{shell} is not told of paths");
        for command in commands() {
            assert!(script.contains(&command), "{shell} does not know {command}");
        }
    }
}

#[test]
fn there_is_a_manual_page_for_each_command_that_says_what_its_help_says() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("man1");
    astfs(&["man", "--out", out.to_str().expect("a path")]);
    let main = fs::read_to_string(out.join("astfs.1")).expect("the program's page");
    assert!(main.contains("Exit status: 0 done"), "{main}");
    for command in commands() {
        let path = out.join(format!("astfs-{command}.1"));
        let page = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let listed = format!("astfs-{command}(1)").replace('-', "\\-");
        assert!(main.contains(&listed), "{command} is not on the main page");
        let help = text(&astfs(&[&command, "--help"]));
        for option in help.split_whitespace().filter(|word| word.starts_with("--") && word.len() > 2) {
            let option = option.trim_end_matches(|last: char| !last.is_alphanumeric()).replace('-', "\\-");
            assert!(page.contains(&option), "{option} is not on the page of {command}");
        }
    }
}

#[test]
fn there_is_a_manual_page_of_the_mount_helper_in_the_section_of_such_programs() {
    let folder = tempfile::tempdir().expect("a folder");
    astfs(&["man", "--out", folder.path().to_str().expect("a path")]);
    let page = fs::read_to_string(folder.path().join("mount.astfs.8")).expect("the helper's page");
    assert!(page.contains(".TH mount.astfs 8"), "{page}");
    for word in ["secret_file=FILE", "x\\-systemd.automount", "Exit status: 0 mounted"] {
        assert!(page.contains(word), "{word} is not in {page}");
    }
}

#[test]
fn the_manual_page_is_printed_where_no_folder_is_given() {
    assert!(text(&astfs(&["man"])).contains(".TH astfs 1"));
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("file");
    fs::write(&file, "").expect("a file");
    let mut command = Command::new(env!("CARGO_BIN_EXE_astfs"));
    let output = command.args(["man", "--out"]).arg(&file).output().expect("the program runs");
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("file"));
}
