//! What `astfs check --live` prints for people.

use std::fmt::Write;

use super::counted;
use super::live::Live;
use super::user::User;

/// The report: aligned lines, the manager user to paste, and a summary.
pub fn text(live: &Live) -> String {
    let mut lines: Vec<[String; 3]> = Vec::new();
    let version = live.version.as_ref().map(|version| format!(", Asterisk {version}")).unwrap_or_default();
    let login = live.login_ms.map(|time| format!(", logged in within {time} ms")).unwrap_or_default();
    lines.push(["server".into(), String::new(), format!("{}{version}{login}", live.server)]);
    for query in &live.queries {
        let by = query.answers.as_ref().map(|member| format!(" by `{member}`")).unwrap_or_default();
        let reason =
            query.reason.as_ref().map(|reason| format!(": {}", one_line(reason))).unwrap_or_default();
        let passed = if query.reason.is_some() && !query.matters { "passed over, " } else { "" };
        lines.push(["query".into(), query.name.clone(), format!("{passed}{}{by}{reason}", query.state)]);
    }
    for entry in &live.entries {
        let said = format!("{}: {}", entry.state, one_line(&entry.reason));
        lines.push(["entry".into(), entry.path.clone(), said]);
    }
    let width = lines.iter().map(|line| line[1].chars().count()).max().unwrap_or_default();
    let mut text = String::new();
    for [what, name, said] in &lines {
        // writing to a String cannot fail
        let _ = match name.is_empty() {
            true => writeln!(text, "{what:6} {said}"),
            false => writeln!(text, "{what:6} {name:width$}  {said}"),
        };
    }
    let _ = writeln!(text, "\n; manager.conf: the user that this tree needs here\n{}", section(&live.user));
    let count = |state| live.entries.iter().filter(|entry| entry.state == state).count();
    let (fail, empty) = (count("fails"), count("empty"));
    let summary = match (fail, empty) {
        (0, 0) => "this server answers all that the tree asks".to_owned(),
        (0, _) => format!("this server answers all that the tree asks; {} empty", counted(empty, "entry")),
        _ => format!("{} cannot be shown, {} empty", counted(fail, "entry"), counted(empty, "entry")),
    };
    let _ = writeln!(text, "{summary}");
    text
}

/// A user as a section of manager.conf.
fn section(user: &User) -> String {
    let mut text =
        "[astfs]\nsecret = …\ndeny = 0.0.0.0/0.0.0.0\npermit = 127.0.0.1/255.255.255.255\n".to_owned();
    for (key, classes) in [("read", &user.read), ("write", &user.write)] {
        for (class, needed) in classes {
            let needed: Vec<_> = needed.iter().map(String::as_str).collect();
            let _ = writeln!(text, "; {key} {class}: {}", needed.join(", "));
        }
        // every class there is, which is more than all the others
        let all = classes.contains_key("all");
        let classes: Vec<_> =
            classes.keys().filter(|class| !all || *class == "all").map(String::as_str).collect();
        let _ = writeln!(text, "{key} = {}", classes.join(","));
    }
    for unknown in &user.unknown {
        let _ = writeln!(text, "; unknown, see `manager show command` or `manager show event`: {unknown}");
    }
    text
}

/// What a server said may go over several lines.
fn one_line(text: &str) -> String {
    text.split(['\r', '\n']).next().unwrap_or_default().replace(|character: char| character.is_control(), "?")
}
