//! Lines of pieces between exclamation marks, as `core show channels concise` prints them.
//!
//! Nothing is escaped, so a piece that holds `!` makes one too many. Blank lines are skipped.

use super::value::{Fields, Shapes, Value};
use super::{lines, text};

/// The pieces of a line of `core show channels concise`, Asterisk 13 to 22 (`main/cli.c`).
pub const CHANNEL: [&str; 14] = [
    "channel",
    "context",
    "exten",
    "priority",
    "state",
    "application",
    "data",
    "callerid",
    "accountcode",
    "peeraccount",
    "amaflags",
    "duration",
    "bridgeid",
    "uniqueid",
];

/// Where a surplus `!` of a channel's line is looked for: in `data`, which a dialplan writes freely.
const DATA: usize = 6;

/// A list with one record per line.
///
/// With `names`, the pieces bear them in order, and further pieces the number of their place. Without,
/// a line of 14 pieces or more is a channel and bears the names of [`CHANNEL`], surplus pieces belonging
/// to `data`; shorter lines are numbered: `1`, `2`, ….
pub fn parse(bytes: &[u8], names: &[String]) -> Value {
    let mut shapes = Shapes::new();
    let filled = lines::split(bytes).filter(|line| !lines::is_blank(line));
    let records = filled.map(|line| record(line, names).finish(&mut shapes));
    Value::List(records.collect())
}

fn record(line: &[u8], names: &[String]) -> Fields {
    let pieces: Vec<&[u8]> = line.split(|&byte| byte == b'!').collect();
    if names.is_empty() && pieces.len() >= CHANNEL.len() {
        return channel(&pieces);
    }
    let mut fields = Fields::new();
    for (index, piece) in pieces.into_iter().enumerate() {
        let value = Value::text(piece);
        match names.get(index) {
            Some(name) => fields.push(name, value),
            None => fields.push(&(index + 1).to_string(), value),
        }
    }
    fields
}

fn channel(pieces: &[&[u8]]) -> Fields {
    let surplus = pieces.len() - CHANNEL.len();
    let mut fields = Fields::new();
    for (index, name) in CHANNEL.into_iter().enumerate() {
        let value = match index {
            DATA => text_of(&pieces[DATA..=DATA + surplus]),
            before if before < DATA => Value::text(pieces[before]),
            after => Value::text(pieces[after + surplus]),
        };
        fields.push(name, value);
    }
    fields
}

fn text_of(pieces: &[&[u8]]) -> Value {
    Value::Text(text::decode(&pieces.join(&b'!')).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::transcript;

    #[test]
    fn channels_bear_the_names_of_their_pieces() {
        for (name, lines) in [
            ("13/cmd_core_show_channels_concise", 3),
            ("16/cmd__core_show_channels_concise", 5),
            ("22/cmd__core_show_channels_concise", 5),
        ] {
            let channels = parse(&transcript::cli(name), &[]);
            let channels = channels.as_list().unwrap();
            assert_eq!(channels.len(), lines, "{name}");
            for channel in channels.iter() {
                let names: Vec<&str> = channel.as_record().unwrap().iter().map(|(name, _)| name).collect();
                assert_eq!(names, CHANNEL, "{name}");
                assert_eq!(channel.get("state"), Some(&"Up".into()), "{name}");
                assert_eq!(channel.get("amaflags"), Some(&"3".into()), "{name}");
            }
        }
        let channels = parse(&transcript::cli("16/cmd__core_show_channels_concise"), &[]);
        let second = &channels.as_list().unwrap()[1];
        assert_eq!(
            serde_json::to_string(second).unwrap(),
            concat!(
                r#"{"channel":"Local/echo@default-00000000;1","context":"default","exten":"8001","priority":"1","#,
                r#""state":"Up","application":"ConfBridge","data":"8001","callerid":"","accountcode":"","#,
                r#""peeraccount":"","amaflags":"3","duration":"2","#,
                r#""bridgeid":"0a4598d4-52cd-4bc6-8f31-1c747ac84dce","uniqueid":"ast16-1795386411.1"}"#
            )
        );
    }

    #[test]
    fn exclamation_marks_in_a_channels_data_stay_in_it() {
        let line = b"SIP/1-0!web!1!2!Up!Verbose!look out!! now!!6001!!!3!8!!17.1\n";
        let value = parse(line, &[]);
        let channel = &value.as_list().unwrap()[0];
        assert_eq!(channel.get("data"), Some(&"look out!! now!".into()));
        assert_eq!(channel.get("callerid"), Some(&"6001".into()));
        assert_eq!(channel.get("uniqueid"), Some(&"17.1".into()));
    }

    #[test]
    fn other_lines_are_numbered_or_named_as_told() {
        let json = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
            serde_json::to_string(&parse(b"100!2!\r\n\nx", &names)).unwrap()
        };
        assert_eq!(json(&[]), r#"[{"1":"100","2":"2","3":""},{"1":"x"}]"#);
        assert_eq!(json(&["room", "parties"]), r#"[{"room":"100","parties":"2","3":""},{"room":"x"}]"#);
        assert_eq!(parse(b"", &[]), Vec::new().into());
    }
}
