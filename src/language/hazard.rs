//! Questions that crash the server, refused before anything asks them.
//!
//! `data get` of Asterisk 13 reads a channel's `oldwriteformat` without looking whether it is set
//! (`main/channel.c`, and `apps/app_queue.c` for callers in a queue): with a channel up, the whole PBX
//! falls over. A filter that leaves the field out is safe, and so is asking actions instead, as a query with
//! `data` does (`instead.rs`).

/// What `data get` crashes on, each with a filter that is safe.
const HAZARDS: [(&[&str], &str); 2] = [
    (&["asterisk", "core", "channels"], "channels/channel/name,channels/channel/context"),
    (&["asterisk", "application", "queue", "list"], "list/queue/name,list/queue/strategy"),
];

/// The names on the way to the field: a filter that ends in one takes all that is below.
const CONTAINERS: [&str; 11] = [
    "asterisk",
    "core",
    "channels",
    "channel",
    "application",
    "queue",
    "list",
    "members",
    "member",
    "callers",
    "caller",
];

/// The field that must not be read.
const FIELD: &str = "oldwriteformat";

/// A question that can crash the server.
#[derive(Debug, PartialEq, Eq)]
pub struct Hazard {
    /// What crashes: `/asterisk/core/channels`.
    pub provider: String,
    /// A filter that does not.
    pub safe_filter: &'static str,
}

/// Whether `data get PATH SEARCH FILTER` can crash the server. Both may be templates: what only
/// a running template knows counts as anything at all.
fn data_get(path: &str, filter: Option<&str>) -> Option<Hazard> {
    if filter.is_some_and(leaves_field_out) {
        return None;
    }
    let (segments, complete) = fixed_segments(path);
    let (provider, safe_filter) =
        HAZARDS.into_iter().find(|(hazard, _)| reaches(&segments, complete, hazard))?;
    Some(Hazard { provider: format!("/{}", provider.join("/")), safe_filter })
}

/// Whether a command of the CLI is a `data get` that can crash the server.
pub fn command(command: &str) -> Option<Hazard> {
    let words = words(command);
    let is = |index: usize, name: &str| words.get(index).is_some_and(|word| word.eq_ignore_ascii_case(name));
    if !(is(0, "data") && is(1, "get")) {
        return None;
    }
    data_get(words.get(2).map_or("", String::as_str), words.get(4).map(String::as_str))
}

/// The words of a command as the CLI sees them: blanks in quotes, and in tags, part nothing.
fn words(command: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let (mut quoted, mut braces) = (false, 0_usize);
    for character in command.chars() {
        match character {
            '"' if braces == 0 => quoted = !quoted,
            _ if character.is_whitespace() && !quoted && braces == 0 => words.push(String::new()),
            _ => {
                match character {
                    '{' => braces += 1,
                    '}' => braces = braces.saturating_sub(1),
                    _ => {}
                }
                if let Some(word) = words.last_mut() {
                    word.push(character);
                }
            }
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// The segments before the first tag, and whether that is all there is.
fn fixed_segments(path: &str) -> (Vec<&str>, bool) {
    let fixed = path.split("{{").next().unwrap_or("").split("{%").next().unwrap_or("");
    let complete = fixed.len() == path.len();
    let mut segments: Vec<_> = fixed.trim().split('/').collect();
    let open = if complete { None } else { segments.pop() };
    segments.retain(|segment| !segment.is_empty());
    segments.extend(open);
    (segments, complete)
}

/// Whether a path is that of the hazard, stands above it, or below it.
fn reaches(segments: &[&str], complete: bool, hazard: &[&str]) -> bool {
    segments.iter().zip(hazard).enumerate().all(|(index, (segment, name))| {
        let open = !complete && index + 1 == segments.len();
        let beginning = if open { name.get(..segment.len()) } else { Some(*name) };
        beginning.is_some_and(|beginning| beginning.eq_ignore_ascii_case(segment))
    })
}

fn leaves_field_out(filter: &str) -> bool {
    let is_safe = |name: &str| {
        !name.is_empty()
            && !name.contains(['*', '{'])
            && !name.eq_ignore_ascii_case(FIELD)
            && !CONTAINERS.iter().any(|container| name.eq_ignore_ascii_case(container))
    };
    !filter.contains("{{")
        && !filter.contains("{%")
        && filter
            .split(',')
            .all(|path| path.trim().rsplit('/').next().is_some_and(|last| last.split('|').all(is_safe)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_crashing_paths_and_all_above_them_are_found() {
        for path in [
            "/asterisk/core/channels",
            "asterisk//core/channels/",
            "/Asterisk/Core",
            "/asterisk",
            "/",
            "",
            "/asterisk/application/queue/list",
            "/asterisk/application",
            "/asterisk/core/channels/channel",
            "/asterisk/{{ what }}",
            "/asterisk/co{{ what }}",
            "{{ path }}",
        ] {
            assert!(data_get(path, None).is_some(), "{path}");
        }
        for path in [
            "/asterisk/core/channeltypes",
            "/asterisk/core/hints",
            "/asterisk/channel/sip/peers",
            "/asterisk/channel/{{ technology }}/peers",
            "/asterisk/core/chat{{ x }}",
        ] {
            assert_eq!(data_get(path, None), None, "{path}");
        }
    }

    #[test]
    fn a_filter_that_leaves_the_field_out_is_safe() {
        let ask = |filter| data_get("/asterisk/core/channels", Some(filter));
        for filter in HAZARDS.iter().map(|hazard| hazard.1).chain(["channels/channel/name|exten"]) {
            assert_eq!(ask(filter), None, "{filter}");
        }
        for filter in [
            "",
            "channels/channel",
            "channels/channel/*",
            "channels/channel/name,channels/channel/oldwriteformat",
            "channels/channel/name|OldWriteFormat",
            "channels/channel/{{ field }}",
            "channels/channel/name,",
        ] {
            assert!(ask(filter).is_some(), "{filter}");
        }
    }

    #[test]
    fn the_same_is_found_in_commands() {
        assert!(command("data get /asterisk/core/channels").is_some());
        assert!(command("  DATA  get \"/asterisk\"").is_some());
        assert!(command("data get /asterisk/core/channels channels/channel/name").is_some(), "a search");
        assert!(command("data get /asterisk/core/channels {{ a b }} channels").is_some());
        assert!(command("data get /asterisk/core/channels \"a b\" channels").is_some());
        assert_eq!(command("data get /asterisk/core/channels {{ a b }} channels/channel/name"), None);
        assert_eq!(command("data get /asterisk/core/channels 1=1 channels/channel/name"), None);
        assert_eq!(command("data show providers"), None);
        assert_eq!(command("core show channels"), None);
        assert_eq!(command(""), None);
    }
}
