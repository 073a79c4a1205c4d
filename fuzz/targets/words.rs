//! The words of a command, as Asterisk takes it apart (`main/cli.c`, `parse_args`, all versions).

/// The command's arguments; none if a quote stays open, which the CLI takes as it comes.
pub fn of_command(command: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut words: Vec<Vec<u8>> = Vec::new();
    let (mut quoted, mut escaped, mut between) = (false, false, true);
    for &byte in command {
        match byte {
            b'"' if !escaped => {
                quoted = !quoted;
                if quoted && between {
                    words.push(Vec::new());
                    between = false;
                }
            }
            b' ' | b'\t' if !(quoted || escaped) => between = true,
            b'\\' if !escaped => escaped = true,
            _ => {
                if between {
                    words.push(Vec::new());
                    between = false;
                }
                words.last_mut()?.push(byte);
                escaped = false;
            }
        }
    }
    (!quoted && !escaped).then_some(words)
}
