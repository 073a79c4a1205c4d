//! The ActionID in an answer: the one header that belongs to the conversation and not to what was told.

/// Replaces the recorded ActionID by `wanted`, takes it out, or puts `wanted` in where none was recorded:
/// behind the first header of each message, and behind `Privilege` where a command's raw output follows,
/// which is never touched.
pub fn with_action_id(answer: &[u8], recorded: Option<&[u8]>, wanted: Option<&[u8]>) -> Vec<u8> {
    let wanted = wanted.map(|id| [b"ActionID: ", id, b"\r\n"].concat()).unwrap_or_default();
    let recorded = recorded.map(|id| [b"ActionID: ", id, b"\r\n"].concat());
    let follows = answer.starts_with(b"Response: Follows\r\n");
    let mut result = Vec::with_capacity(answer.len() + 64);
    let mut starts_message = true;
    for (number, line) in answer.split_inclusive(|&byte| byte == b'\n').enumerate() {
        let in_body = follows && number > 2;
        match &recorded {
            Some(recorded) if !in_body && line == recorded.as_slice() => result.extend_from_slice(&wanted),
            Some(_) => result.extend_from_slice(line),
            None => {
                result.extend_from_slice(line);
                let place = if follows { number == 1 } else { starts_message && is_first_header(line) };
                if place {
                    result.extend_from_slice(&wanted);
                }
            }
        }
        starts_message = line == b"\r\n";
    }
    result
}

fn is_first_header(line: &[u8]) -> bool {
    line.starts_with(b"Response: ") || line.starts_with(b"Event: ")
}
