//! `astfs schema`: the JSON Schema of tree files.

use std::io::Write;

use super::CliError;

pub fn run() -> Result<(), CliError> {
    let mut output = std::io::stdout();
    let schema = crate::language::schema();
    serde_json::to_writer_pretty(&mut output, &schema).map_err(std::io::Error::from)?;
    Ok(output.write_all(b"\n")?)
}
