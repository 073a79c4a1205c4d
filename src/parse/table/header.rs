//! A table's header line, taken apart into labels.
//!
//! Columns are in the order they stand in, each beginning after the one before it; the first begins at
//! the line's first byte whatever its label's indentation, because it may be aligned to the right.

use super::super::lines;

/// Labels that hold blanks, of the tables that Asterisk 13 to 22 and their modules print.
const SPACED_LABELS: &[&str] = &[
    "(     %)",
    "* Peer name",
    "* User name",
    "Application Name",
    "Bridge Profile",
    "Builtin Feature",
    "Call ID",
    "Codec Pref",
    "Column Name",
    "Column Value",
    "Conf Num",
    "Conference Bridge Name",
    "High water",
    "ID (Lo/Rem)",
    "IP Address",
    "In Queue",
    "In Service",
    "In use",
    "Key Name",
    "Last Message",
    "Last state",
    "Low water",
    "MOH Interpret",
    "Max Depth",
    "Message Format",
    "MixMonitor ID",
    "Receive File",
    "Recv: Pack",
    "Send: Pack",
    "Seq (Tx/Rx)",
    "Set by",
    "Support Level",
    "Talking with",
    "Transmit File",
    "Use Count",
    "User Profile",
];

/// `iax2 show peers` (Asterisk 13 to 22, `channels/chan_iax2.c`), whose header does not stand over its
/// rows: from `Mask` on they are one byte further left. They also hold marks without a label: `(D)` or
/// `(S)` for a dynamic or static host, `(T)` for a trunk, `(E)` for encryption, named here.
const IAX2_PEERS_HEADER: &str = "Name/Username    Host                                           \
    Mask                                      Port           Status      Description";

/// Its columns and where each begins in a row.
const IAX2_PEERS: [(&str, usize); 9] = [
    ("Name/Username", 0),
    ("Host", 17),
    ("Dyn", 58),
    ("Mask", 63),
    ("Port", 105),
    ("Trunk", 111),
    ("Encryption", 115),
    ("Status", 120),
    ("Description", 132),
];

/// A line of more labels is no header: every row would take as much room as the header does.
const WIDEST: usize = 200;

/// Where a header stands and what its columns are.
pub(super) struct Header<'a> {
    /// The line's index among the lines.
    pub(super) index: usize,
    pub(super) columns: Vec<Column<'a>>,
    /// Whether every value is cut to its column, so that none can push the others to the right.
    pub(super) fixed: bool,
}

/// A label and the bytes it covers.
pub(super) struct Column<'a> {
    pub(super) label: &'a [u8],
    pub(super) begin: usize,
    pub(super) end: usize,
}

impl<'a> Header<'a> {
    /// The first line that holds labels in columns, or whatever stands on top of a rule. Lines without
    /// two blanks in a row may come before it; anything else in columns means that there is no header.
    pub(super) fn find(lines: &[&'a [u8]]) -> Option<Header<'a>> {
        for (index, &line) in lines.iter().enumerate() {
            let rule = lines.get(index + 1).filter(|next| lines::is_rule(next));
            let in_columns = lines::find_gap(line.trim_ascii()).is_some();
            if lines::is_blank(line) || (rule.is_none() && !in_columns) {
                continue;
            }
            if line.trim_ascii_end() == IAX2_PEERS_HEADER.as_bytes() {
                return Some(Header { index, columns: iax2_peers(), fixed: true });
            }
            let columns = match rule.map(|rule| pieces(rule)) {
                Some(pieces) if pieces.len() > 1 => under_pieces(line, &pieces),
                Some(_) if !in_columns => vec![column(line, 0, line.len())],
                _ => labels(line),
            };
            if columns.len() > WIDEST || !columns.iter().all(|column| is_label(column.label)) {
                return None;
            }
            return Some(Header { index, columns, fixed: false });
        }
        None
    }
}

fn iax2_peers() -> Vec<Column<'static>> {
    let column = |(label, begin): (&'static str, usize)| Column {
        label: label.as_bytes(),
        begin,
        end: begin + label.len(),
    };
    IAX2_PEERS.map(column).into()
}

/// The column of what stands in those bytes, without the blanks around it.
fn column(line: &[u8], begin: usize, end: usize) -> Column<'_> {
    let label = line[begin..end].trim_ascii_end();
    Column { label: label.trim_ascii_start(), begin, end: begin + label.len() }
}

/// Where the pieces of a rule begin.
fn pieces(rule: &[u8]) -> Vec<usize> {
    let drawn = |at: usize| rule.get(at).is_some_and(|byte| !byte.is_ascii_whitespace());
    (0..rule.len()).filter(|&at| drawn(at) && (at == 0 || !drawn(at - 1))).collect()
}

fn under_pieces<'a>(line: &'a [u8], pieces: &[usize]) -> Vec<Column<'a>> {
    let begins = std::iter::once(0).chain(pieces[1..].iter().copied());
    let ends = pieces[1..].iter().copied().chain([line.len()]);
    begins.zip(ends).map(|(begin, end)| column(line, begin.min(line.len()), end.min(line.len()))).collect()
}

fn labels(line: &[u8]) -> Vec<Column<'_>> {
    let mut columns = Vec::new();
    let mut at = 0;
    while let Some(blanks) = line[at..].iter().position(|byte| !byte.is_ascii_whitespace()) {
        let begin = at + blanks;
        at = begin + label_length(&line[begin..]);
        columns.push(Column { label: &line[begin..at], begin, end: at });
    }
    columns
}

fn label_length(text: &[u8]) -> usize {
    let ends = |length: usize| text.get(length).is_none_or(u8::is_ascii_whitespace);
    let spaced = |label: &&&str| text.starts_with(label.as_bytes()) && ends(label.len());
    match SPACED_LABELS.iter().find(spaced) {
        Some(label) => label.len(),
        None => text.iter().position(u8::is_ascii_whitespace).unwrap_or(text.len()),
    }
}

/// Whether a label could be one. Values, sentences and `label: value` lines are told apart from labels by
/// their first byte, or by a colon inside or at their end.
fn is_label(label: &[u8]) -> bool {
    let begins_well =
        |byte: &u8| byte.is_ascii_alphanumeric() || !byte.is_ascii() || matches!(byte, b'*' | b'(');
    let colon = label.iter().position(|&byte| byte == b':');
    let in_two_words = |at: usize| label.get(at + 1) == Some(&b' ');
    label.first().is_some_and(begins_well) && colon.is_none_or(in_two_words)
}
