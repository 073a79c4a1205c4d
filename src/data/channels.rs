//! `/asterisk/core/channels` and `/asterisk/core/channeltypes`.

use super::provider::{Ask, Detail, Field, List, Provider};
use super::told::{Told, codecs, entries_of, number, truth, whole};
use crate::parse::Parser;
use crate::parse::value::{Fields, Shapes, Value};

const LISTED: &str = "CoreShowChannels";
const TYPES: &str = "core show channeltypes";
const TYPE: &str = "core show channeltype";

/// The width of the descriptions in `core show channeltypes`, in bytes.
const DESCRIPTION_WIDTH: usize = 40;

/// The channels.
pub static CHANNELS: Provider = Provider {
    path: "/asterisk/core/channels",
    root: "channels",
    node: "channel",
    lists: &[List { ask: Ask::Action(LISTED, None), optional: false, lasting: None }],
    details: &[],
    entries: |lists| entries_of(LISTED, "Channel", lists[0]),
    fields: &[
        Field { name: "context", from: &[LISTED], value: |told| told.text(LISTED, "Context") },
        Field { name: "data", from: &[LISTED], value: |told| told.text(LISTED, "ApplicationData") },
        Field { name: "uniqueid", from: &[LISTED], value: |told| told.text(LISTED, "Uniqueid") },
        Field { name: "priority", from: &[LISTED], value: |told| number(told.get(LISTED, "Priority")?) },
        Field { name: "linkedid", from: &[LISTED], value: |told| told.text(LISTED, "Linkedid") },
        Field { name: "exten", from: &[LISTED], value: |told| told.text(LISTED, "Exten") },
        Field { name: "state", from: &[LISTED], value: state },
        Field { name: "accountcode", from: &[LISTED], value: |told| told.text(LISTED, "AccountCode") },
        Field { name: "appl", from: &[LISTED], value: |told| told.text(LISTED, "Application") },
        Field { name: "name", from: &[LISTED], value: |told| told.text(LISTED, "Channel") },
        Field { name: "language", from: &[LISTED], value: |told| told.text(LISTED, "Language") },
    ],
    missing: &[
        "musicclass",
        "blockproc",
        "rawwriteformat",
        "dialcontext",
        "transfercapability",
        "writeformat",
        "hangupcause",
        "rings",
        "userfield",
        "visible_indication",
        "macroexten",
        "oldwriteformat",
        "peeraccount",
        "nativeformats",
        "fin",
        "macropriority",
        "parkinglot",
        "rawreadformat",
        "readformat",
        "cdr",
        "timetohangup",
        "hangupsource",
        "emulate_dtmf_duration",
        "call_forward",
        "flags",
        "softhangup",
        "amaflags",
        "fout",
        "adsicpe",
        "macrocontext",
    ],
    events: &[],
};

/// The kinds of channels.
pub static CHANNEL_TYPES: Provider = Provider {
    path: "/asterisk/core/channeltypes",
    root: "channeltypes",
    node: "type",
    lists: &[List { ask: Ask::Command(TYPES, Parser::Table), optional: false, lasting: None }],
    details: &[Detail { ask: Ask::Command(TYPE, Parser::Fields), of: TYPES, lasting: true }],
    entries: |lists| entries_of(TYPES, "type", lists[0]),
    fields: &[
        Field {
            name: "send_digit_begin",
            from: &[TYPE],
            value: |told| truth(told.get(TYPE, "digit_begin")?),
        },
        Field { name: "send_html", from: &[TYPE], value: |told| truth(told.get(TYPE, "send_html")?) },
        Field { name: "send_digit_end", from: &[TYPE], value: |told| truth(told.get(TYPE, "digit_end")?) },
        Field { name: "devicestate", from: &[TYPES], value: |told| truth(told.get(TYPES, "devicestate")?) },
        Field { name: "transfer", from: &[TYPES], value: |told| truth(told.get(TYPES, "transfer")?) },
        Field { name: "capabilities", from: &[TYPE], value: |told| codecs(told.get(TYPE, "capabilities")?) },
        Field { name: "send_text", from: &[TYPE], value: |told| truth(told.get(TYPE, "text_support")?) },
        Field { name: "name", from: &[TYPES], value: |told| told.text(TYPES, "type") },
        Field { name: "indications", from: &[TYPES], value: |told| truth(told.get(TYPES, "indications")?) },
        Field {
            name: "description",
            from: &[TYPES],
            value: |told| whole(told.get(TYPES, "description")?, DESCRIPTION_WIDTH),
        },
        Field { name: "send_image", from: &[TYPE], value: |told| truth(told.get(TYPE, "image_support")?) },
    ],
    missing: &[
        "early_bridge",
        "call",
        "write",
        "cc_callback",
        "fixup",
        "func_channel_write",
        "get_pvt_uniqueid",
        "queryoption",
        "hangup",
        "read",
        "write_video",
        "answer",
        "setoption",
        "write_text",
        "func_channel_read",
        "exception",
    ],
    events: &[],
};

fn state(told: &Told<'_>) -> Option<Value> {
    let mut fields = Fields::new();
    fields.push("text", told.text(LISTED, "ChannelStateDesc")?);
    fields.push("value", number(told.get(LISTED, "ChannelState")?)?);
    Some(fields.finish(&mut Shapes::new()))
}
