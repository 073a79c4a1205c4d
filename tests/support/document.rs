//! What tests write into `docs`: tables in `reliability.md`, and a chart beside it.

use std::fs;
use std::path::Path;

/// Puts a text between the marks of that name.
pub fn write_table(name: &str, table: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reliability.md");
    let text = fs::read_to_string(&path).expect("the document is there");
    let (begin, end) = (format!("<!-- {name}: begin -->\n"), format!("<!-- {name}: end -->"));
    let (before, rest) = text.split_once(&begin).expect("it says where the table begins");
    let (_, after) = rest.split_once(&end).expect("and where it ends");
    fs::write(&path, format!("{before}{begin}\n{table}\n{end}{after}")).expect("it can be written");
}

/// Writes the chart that the document shows.
pub fn write_chart(svg: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reliability.svg");
    fs::write(path, svg).expect("it can be written");
}
