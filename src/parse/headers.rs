//! Headers of AMI messages as records.
//!
//! Names stay as Asterisk spells them (`ObjectName`, `Named Callgroup`), because those are what its
//! documentation lists. A name that comes more than once, such as `Output` or `ChanVariable`, is the
//! list of its values. `ActionID` is dropped: it belongs to the conversation, not to the answer.

use super::text;
use super::value::{Fields, Shapes, Value};

/// One message as a record; records of one result share their names through `shapes`.
pub fn record<'a>(headers: impl IntoIterator<Item = (&'a [u8], &'a [u8])>, shapes: &mut Shapes) -> Value {
    let mut fields = Fields::new();
    for (name, value) in headers {
        if !name.eq_ignore_ascii_case(b"ActionID") {
            fields.push(&text::decode(name), Value::text(value));
        }
    }
    fields.finish(shapes)
}

/// Several messages as a list of records.
pub fn list<'a, M>(messages: impl IntoIterator<Item = M>) -> Value
where
    M: IntoIterator<Item = (&'a [u8], &'a [u8])>,
{
    let mut shapes = Shapes::new();
    Value::List(messages.into_iter().map(|message| record(message, &mut shapes)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::transcript;

    type Headers<'a> = Vec<(&'a [u8], &'a [u8])>;

    fn messages(bytes: &[u8]) -> Vec<Headers<'_>> {
        let mut messages = vec![Vec::new()];
        for line in crate::parse::lines::split(bytes) {
            match line.iter().position(|&byte| byte == b':') {
                Some(colon) => {
                    messages.last_mut().unwrap().push((&line[..colon], line[colon + 1..].trim_ascii_start()));
                }
                None => messages.push(Vec::new()),
            }
        }
        messages.retain(|message| !message.is_empty());
        messages
    }

    #[test]
    fn a_list_of_events_is_a_list_of_records_without_action_ids() {
        let bytes = transcript::recorded("16/act__SIPpeers");
        let list = list(messages(&bytes));
        let items: Vec<_> =
            list.as_list().unwrap().iter().filter(|item| item.get("ObjectName").is_some()).collect();
        assert_eq!(items.len(), 5);
        assert_eq!(items[0].get("ObjectName"), Some(&"6001".into()));
        assert_eq!(items[0].get("Description"), Some(&"Desk phone; \"quoted\"".into()));
        assert!(items.iter().all(|item| item.get("ActionID").is_none()));
    }

    #[test]
    fn a_header_that_comes_again_becomes_a_list() {
        let bytes = transcript::recorded("16/act__SIPshowpeer");
        let record = record(messages(&bytes).remove(0), &mut Shapes::new());
        let variables = record.get("ChanVariable").unwrap();
        assert_eq!(serde_json::to_string(variables).unwrap(), r#"["BAZ=qux=1","FOO=bar"]"#);
        assert_eq!(record.get("Named Callgroup"), Some(&"".into()));
    }
}
