//! What `data get` printed, read as simply as can be and apart from the program's own parser: two
//! blanks lead a record, six its fields, four more each level below.

/// One record.
#[derive(Debug, Default)]
pub struct Record {
    fields: Vec<Field>,
}

#[derive(Debug)]
struct Field {
    name: String,
    /// None for what has fields of its own.
    value: Option<String>,
    below: Vec<Field>,
}

/// The records of an answer.
pub fn records(answer: &str) -> Vec<Record> {
    let mut records: Vec<Record> = Vec::new();
    for line in answer.lines() {
        let indent = line.len() - line.trim_start_matches(' ').len();
        match indent {
            2 => records.push(Record::default()),
            6.. => {
                let record = records.last_mut().expect("a field belongs to a record");
                let mut level = &mut record.fields;
                for _ in 0..(indent - 6) / 4 {
                    level = &mut level.last_mut().expect("what is deeper belongs to something").below;
                }
                level.push(field(line.trim_start_matches(' ')));
            }
            _ => {}
        }
    }
    records
}

fn field(line: &str) -> Field {
    let (name, value) = match line.split_once(": ") {
        Some((name, value)) => (name, Some(value)),
        None => (line, None),
    };
    let bare = |value: &str| {
        let inside = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
        // `lastms` is -1, printed as if it had no sign
        inside.unwrap_or(if value == "4294967295" { "-1" } else { value }).to_owned()
    };
    Field { name: name.into(), value: value.map(bare), below: Vec::new() }
}

impl Record {
    /// A field's value; empty if there is none.
    pub fn text(&self, name: &str) -> String {
        text_of(&self.fields, name)
    }

    /// The names of its codecs, in order.
    pub fn codecs(&self) -> Vec<String> {
        let codecs = self.fields.iter().filter(|field| field.name == "codecs").flat_map(|field| &field.below);
        codecs.map(|codec| text_of(&codec.below, "name")).collect()
    }

    /// Every value as a line `way.to.it=value`; equal names side by side are numbered from 0.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        add_lines(&self.fields, "", &mut lines);
        lines
    }
}

fn text_of(fields: &[Field], name: &str) -> String {
    let found = fields.iter().find(|field| field.name == name);
    found.and_then(|field| field.value.clone()).unwrap_or_default()
}

/// Fields that hold the same thing several times, in the recordings.
const LISTS: [&str; 2] = ["codecs", "mailboxes"];

fn add_lines(fields: &[Field], above: &str, lines: &mut Vec<String>) {
    for field in fields {
        let way = format!("{above}{}", field.name);
        match &field.value {
            Some(value) => lines.push(format!("{way}={value}")),
            None if LISTS.contains(&field.name.as_str()) => {
                for (index, item) in field.below.iter().enumerate() {
                    add_lines(&item.below, &format!("{way}.{index}."), lines);
                }
            }
            None => add_lines(&field.below, &format!("{way}."), lines),
        }
    }
}
