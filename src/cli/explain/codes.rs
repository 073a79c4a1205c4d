//! What a finding means, and how it is put right.

use super::super::CliError;
use crate::language::{Code, Severity};

/// The page of the code of that name, or all codes.
pub fn text(name: Option<&str>) -> Result<String, CliError> {
    Ok(match name {
        Some(name) => explanation(code(name)?),
        None => list(),
    })
}

/// The code of that name; it may be copied out of a report with what stands around it.
fn code(given: &str) -> Result<Code, CliError> {
    let name = given.trim_start_matches("error").trim_start_matches("warning");
    let name = name.trim_matches(['[', ']', ':']).to_ascii_lowercase();
    Code::from_name(&name).ok_or_else(|| {
        let hint = match Code::nearest(&name) {
            Some(meant) => format!("did you mean `{}`?", meant.name()),
            None => "`astfs explain` lists all codes".to_owned(),
        };
        CliError::Arguments(format!("there is no finding `{given}`; {hint}"))
    })
}

fn word(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}

fn list() -> String {
    let width = Code::ALL.iter().map(|code| code.name().len()).max().unwrap_or(0);
    let line =
        |code: &Code| format!("{:<width$}  {:<7}  {}\n", code.name(), word(code.severity()), code.summary());
    Code::ALL.iter().map(line).collect()
}

/// A code's page for a terminal: its examples are indented, and say which they are.
fn explanation(code: Code) -> String {
    let mut text = format!("{}[{}]: {}\n", word(code.severity()), code.name(), code.summary());
    let mut inside = false;
    for line in code.page().lines().skip(1) {
        match line.strip_prefix("```") {
            Some(fence) => {
                inside = !inside;
                text.push_str(&match fence.strip_prefix("toml ") {
                    Some("wrong") => "Wrong:\n\n".to_owned(),
                    Some("right") => "Right:\n\n".to_owned(),
                    Some(beside) => format!("{}:\n\n", beside.trim_start_matches("beside ")),
                    None => String::new(),
                });
            }
            None if inside && !line.is_empty() => text.push_str(&format!("    {line}\n")),
            None => text.push_str(&format!("{line}\n")),
        }
    }
    text
}
