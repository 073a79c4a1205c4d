//! Tree files without mistakes, and what is made of them.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use astfs::ami::TlsFiles;
use astfs::language::{
    Content, Encryption, Entry, Format, LoadOptions, Model, OnError, Origin, Printed, Query, Question,
    SecretSource, Segment, load,
};
use astfs::parse::Parser;

pub fn model(path: impl AsRef<Path>) -> Model {
    let (model, report) = load(path.as_ref(), &LoadOptions::default()).expect("a readable file");
    assert!(report.diagnostics().is_empty(), "{}", report.render(false));
    model.expect("a model, since there is no mistake")
}

fn good(name: &str) -> Model {
    model(Path::new("tests/language/good").join(name))
}

fn query<'a>(model: &'a Model, name: &str) -> &'a Query {
    model.query(*model.query_names.get(name).expect("a declared query"))
}

#[test]
fn the_trees_that_come_with_astfs_have_no_mistakes() {
    for path in ["trees/basic.toml", "trees/asterisk.toml", "trees/alive.toml", "tests/trees/pjsip.toml"] {
        assert!(!model(path).entries.is_empty());
    }
}

#[test]
fn what_is_asked_beside_the_server_is_read_with_who_asks_and_which_arguments_may_be_options() {
    let options = LoadOptions { allow_exec: true, ..LoadOptions::default() };
    let (model, report) =
        load(Path::new("tests/language/good/origins.toml"), &options).expect("a readable file");
    assert!(report.diagnostics().is_empty(), "{}", report.render(false));
    let model = model.expect("a model, since there is no mistake");
    assert!(!model.asks_server());
    let Question::Origin(Origin::Program { name, arguments }) = &query(&model, "program").question else {
        panic!("a program");
    };
    assert_eq!(name, "printf");
    let may: Vec<_> = arguments.iter().map(|argument| argument.may_be_option).collect();
    assert_eq!(may, [true, false, true, true]);
    let Question::Origin(Origin::Url { authorization, certificates, .. }) = &query(&model, "url").question
    else {
        panic!("a URL");
    };
    let authorization = authorization.as_ref().expect("somebody");
    assert_eq!(
        (&*authorization.user, &authorization.secret),
        ("ops", &SecretSource::Environment("ARI".into()))
    );
    assert_eq!(certificates.as_deref(), Some(Path::new("/etc/ssl/own.pem")));
    assert_eq!(query(&model, "url").parameters, ["person"]);
    assert_eq!(model.runs_program().map(|query| query.name.as_str()), Some("program"));
}

#[test]
fn every_key_has_its_effect() {
    let model = good("every_key.toml");
    let server = model.servers.get("").expect("a server");
    assert_eq!(server.address.as_deref(), Some("[::1]:5038"));
    assert_eq!(server.secret, Some(SecretSource::File("/etc/astfs/secret".into())));
    assert_eq!(server.plain_login, Some(true));
    let files = TlsFiles {
        ca: Some("/etc/astfs/ca.pem".into()),
        server_name: Some("pbx.example".into()),
        certificate: Some("/etc/astfs/own.pem".into()),
        key: Some("/etc/astfs/own.key".into()),
    };
    assert_eq!(server.encryption, Some(Encryption::Tls(files)));
    assert_eq!((model.defaults.mode, model.defaults.dir_mode), (0o440, 0o550));
    assert_eq!((model.defaults.uid, model.defaults.gid), (Some(0), Some(7)));
    assert_eq!(model.defaults.ttl, Duration::from_millis(1500));
    assert_eq!(
        (model.defaults.on_error, model.defaults.max_stale),
        (OnError::Error, Duration::from_secs(180))
    );
    assert_eq!(query(&model, "peers").max_stale, Duration::from_secs(180), "that of the defaults");
    assert_eq!(query(&model, "peer_of_command").max_stale, Duration::from_secs(10));
    let peers = query(&model, "peers");
    assert_eq!(peers.timeout, Duration::from_secs(120));
    assert_eq!(peers.rows, ["list", "peers"]);
    let on: Vec<_> = peers.refresh.on.iter().map(|on| (on.event.as_str(), on.key.is_some())).collect();
    assert_eq!(on, [("peerstatus", false), ("reload", false)]);
    assert_eq!(peers.refresh.every, Some(Duration::from_secs(300)));
    assert_eq!(peers.fields.len(), 1);
    assert_eq!(peers.needs, [model.query_names["load"]]);
    assert!(matches!(peers.question, Question::Action { ref headers, .. } if headers[0].0 == "Peer"));
    assert!(
        matches!(query(&model, "channels").parser, Some(Parser::Concise { ref names }) if names.len() == 2)
    );
    assert!(matches!(query(&model, "safe").question, Question::Data { search: None, filter: Some(_), .. }));
}

#[test]
fn a_query_is_asked_once_for_each_record_of_the_path_variables_it_mentions() {
    let model = good("every_key.toml");
    assert_eq!(query(&model, "peers").parameters, [] as [&str; 0]);
    assert_eq!(query(&model, "peer_of_action").parameters, ["peer"]);
    assert_eq!(query(&model, "codecs").parameters, ["peer"], "by way of another query");
    assert_eq!(query(&model, "either").parameters, ["peer"], "by way of `any`");
    let codec = model.variables.iter().find(|one| one.name == "codec").expect("a path variable");
    assert_eq!((codec.binding.as_str(), codec.key.as_deref()), ("format", Some("name")));
    assert_eq!(model.variables[0].key.as_deref(), Some("ObjectName"), "the query's own");
}

#[test]
fn entries_are_what_their_keys_say() {
    let model = good("entries.toml");
    let content = |path: &str| {
        let named = |segment: &Segment| match segment {
            Segment::Literal(name) => name.clone(),
            Segment::Variable { prefix, name, suffix } => format!("{prefix}{{{name}}}{suffix}"),
        };
        let entry = model
            .entries
            .iter()
            .find(|entry| entry.path.segments.iter().map(named).collect::<Vec<_>>().join("/") == path);
        &entry.expect("an entry").content
    };
    assert!(
        matches!(content("escapes"), Content::Text(text) if **text == *"tab\t\"ü\" \u{1F600}\n".as_bytes())
    );
    assert!(matches!(content("folded"), Content::Text(text) if **text == *b"one line\n"));
    assert!(matches!(content("directory"), Content::Directory));
    assert!(matches!(content("link"), Content::Link(_)));
    assert!(matches!(content("raw"), Content::Raw(_)));
    assert!(matches!(content("raw-data"), Content::Raw(_)));
    assert!(matches!(content("parsed"), Content::Printed { format: Format::Text, .. }));
    assert!(matches!(content("action"), Content::Printed { format: Format::Text, value: Printed::Query(_) }));
    assert!(matches!(content("computed"), Content::Template { result: Some(_), .. }));
    for (path, expected) in ["text", "json", "yaml", "env", "csv", "table", "toml"].into_iter().zip([
        Format::Text,
        Format::Json,
        Format::Yaml,
        Format::Env,
        Format::Csv,
        Format::Table,
        Format::Toml,
    ]) {
        let path = format!("as/{path}");
        assert!(matches!(content(&path), Content::Printed { format, .. } if *format == expected), "{path}");
    }
    assert!(matches!(content("x-{version}.d/file"), Content::Text(_)));
}

#[test]
fn what_reads_the_caller_is_personal_and_nothing_else_is() {
    let model = good("entries.toml");
    let personal: Vec<_> = model.entries.iter().filter(|entry| entry.personal).collect();
    assert_eq!(personal.len(), 2);
    let first = |name: &str| Segment::Literal(name.to_owned());
    assert!(personal.iter().all(|entry| entry.path.segments[0] == first("mine")));
}

#[test]
fn what_is_alive_is_what_its_keys_say() {
    let model = good("alive.toml");
    assert_eq!(model.alive_directories().into_iter().collect::<Vec<_>>(), ["control", "events"]);
    let entry = |name: &str| {
        let named = |entry: &&Entry| entry.path.segments.last() == Some(&Segment::Literal(name.to_owned()));
        model.entries.iter().find(named).expect("an entry")
    };
    let qualify = entry("qualify");
    let write = qualify.write.as_ref().expect("a control file");
    assert!(matches!((&write.question, &qualify.content), (Question::Command(_), Content::LastAnswer)));
    assert_eq!(write.timeout, Duration::from_secs(9));
    let matches = write.matches.as_ref().expect("a pattern");
    assert!(matches.is_match("6001") && matches.is_match("all"));
    assert!(!matches.is_match("6001 load") && !matches.is_match("all\n"), "all of the input has to match");
    assert!(matches!(entry("verbose").content, Content::Raw(_)));
    let modes: Vec<_> =
        ["qualify", "reload", "verbose", "all", "whoami"].map(|name| entry(name).attributes.mode).into();
    assert_eq!(modes, [Some(0o600), Some(0o620), Some(0o600), Some(0o400), None]);
    let log = |name: &str| match &entry(name).content {
        Content::Events(log) => {
            (log.names.clone().map(|names| names.join(" ")), log.filter.is_some(), log.size)
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(log("all"), (None, false, 1024 * 1024));
    assert_eq!(log("some"), (Some("peerstatus reload".into()), false, 1024 * 1024));
    assert_eq!(log("sip"), (Some("peerstatus".into()), true, 64 * 1024));
}

#[test]
fn templates_that_name_templates_see_what_these_set() {
    assert_eq!(good("includes/tree.toml").entries.len(), 4);
}

#[test]
fn what_shows_a_secret_by_name_is_for_its_owner_unless_the_entry_says_otherwise() {
    let model = good("reads/tree.toml");
    let mode = |path: &str| {
        let entry = model.entries.iter().find(|entry| entry.place.text().contains(path)).expect("an entry");
        entry.attributes.mode
    };
    assert_eq!(mode("{peer}/secret"), Some(0o400));
    assert_eq!(mode("{peer}/hash"), Some(0o600));
    assert_eq!(mode("{peer}/context"), None, "only whether there is one is shown");
    assert_eq!(mode("control/secret"), Some(0o600), "a control file's own");
    assert_eq!(mode("page"), None);
}

#[test]
fn content_is_shown_in_the_character_set_of_its_entry() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("tree.toml");
    let text = "[tree]\n\"text\" = { text = \"Größe\\n\", encoding = \"latin1\" }\n\
                \"made\" = { render = \"{{ 'Иван' }}\\n\", encoding = \"windows-1251\" }\n";
    std::fs::write(&path, text).expect("a file");
    for (name, expected) in [("text", &b"Gr\xf6\xdfe\n"[..]), ("made", b"\xc8\xe2\xe0\xed\n")] {
        let output = Command::new(env!("CARGO_BIN_EXE_astfs")).arg("cat").arg(&path).arg(name).output();
        assert_eq!(output.expect("the program runs").stdout, expected);
    }
}
