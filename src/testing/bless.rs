//! Writing what was seen into a test file, in place of what was expected. All else in it stays as it is.

use toml_edit::{Array, DocumentMut, Item, Value};

use super::Seen;

/// What was seen at an expectation's place.
#[derive(Debug)]
pub struct Blessing {
    /// The case, by its place in the file.
    pub case: usize,
    /// The step: 0 for the case's own tables, then each `then`.
    pub step: usize,
    /// The path below the mount point.
    pub path: String,
    /// What was seen.
    pub seen: Seen,
}

/// A test file's text with what was seen. Gives also how many expectations have become others.
///
/// # Errors
/// If the text is not TOML.
pub fn bless(text: &str, blessings: &[Blessing]) -> Result<(String, usize), toml_edit::TomlError> {
    let mut document: DocumentMut = text.parse()?;
    let mut count = 0;
    for blessing in blessings {
        if let Some(value) = place(document.as_item_mut(), blessing) {
            let mut seen = value_of(&blessing.seen);
            *seen.decor_mut() = value.decor().clone();
            *value = seen;
            count += 1;
        }
    }
    Ok((document.to_string(), count))
}

fn place<'a>(document: &'a mut Item, blessing: &Blessing) -> Option<&'a mut Value> {
    let mut step = inside(document, "case")?.get_mut(blessing.case)?;
    if let Some(then) = blessing.step.checked_sub(1) {
        step = inside(step, "then")?.get_mut(then)?;
    }
    let key = match &blessing.seen {
        Seen::Equals(_) => "equals",
        Seen::Link(_) => "link",
        Seen::Mode(_) => "mode",
        Seen::Names(_) => "names",
    };
    let expected = inside(inside(step, "expect")?, &blessing.path)?;
    inside(expected, key)?.as_value_mut()
}

/// What stands under a key; unlike `Item::get_mut` it makes none.
fn inside<'a>(item: &'a mut Item, key: &str) -> Option<&'a mut Item> {
    item.as_table_like_mut()?.get_mut(key)
}

fn value_of(seen: &Seen) -> Value {
    match seen {
        Seen::Equals(text) | Seen::Link(text) => text_value(text),
        Seen::Mode(mode) => format!("{mode:04o}").into(),
        Seen::Names(names) => names.iter().collect::<Array>().into(),
    }
}

/// A text of one line on one line; others as they look.
fn text_value(text: &str) -> Value {
    let lines = text.lines().count();
    // what JSON escapes, TOML does in the same way
    let on_one_line = serde_json::to_string(text).ok().filter(|_| lines < 2);
    on_one_line.and_then(|quoted| quoted.parse().ok()).unwrap_or_else(|| text.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "# of ours\ntree = \"tree.toml\"\n\n[[case]]\nname = \"one\"\n\n[case.expect]\n\
                        \"a\" = { equals = \"old\" }   # as it was\n\n[[case.then]]\n[case.then.expect]\n\
                        \"b\"   = { names = [\"x\"], mode = \"0400\" }\n\"c\" = { link = 'l' }\n\"d\" = { equals = 'old' }\n";

    fn blessing(step: usize, path: &str, seen: Seen) -> Blessing {
        Blessing { case: 0, step, path: path.into(), seen }
    }

    #[test]
    fn only_the_value_becomes_another() {
        let blessings = [
            blessing(0, "a", Seen::Equals("one\ntwo\n".into())),
            blessing(1, "b", Seen::Names(vec!["y".into(), "z".into()])),
            blessing(1, "b", Seen::Mode(0o444)),
            blessing(1, "c", Seen::Link("m".into())),
            blessing(1, "d", Seen::Equals("x\n".into())),
            blessing(1, "nowhere", Seen::Mode(0o444)),
        ];
        let (text, count) = bless(FILE, &blessings).unwrap();
        assert_eq!(count, 5);
        let expected = FILE
            .replace("\"old\"", "\"\"\"\none\ntwo\n\"\"\"")
            .replace("[\"x\"]", "[\"y\", \"z\"]")
            .replace("0400", "0444")
            .replace("'l'", "\"m\"")
            .replace("'old'", r#""x\n""#);
        assert_eq!(text, expected);
    }
}
