use std::path::Path;
use std::sync::Arc;

use crate::query::recorded::{Recorded, queries};
use crate::tree::{Kind, Node, Tree, TreeError};

fn tree(text: &str, server: &Arc<Recorded>) -> Tree {
    Tree::new(queries(text, server))
}

async fn names(tree: &Tree, path: &str) -> Vec<String> {
    let node = tree.resolve(Path::new(path)).await.unwrap();
    tree.list(&node).await.unwrap().keys().map(ToString::to_string).collect()
}

async fn text(tree: &Tree, path: &str) -> Result<String, TreeError> {
    let node = tree.resolve(Path::new(path)).await?;
    Ok(String::from_utf8(tree.content(&node).await?.bytes.to_vec()).unwrap())
}

const PEERS: &str = r#"
[query.peers]
command = "sip show peers"
parse = { regex = '(?P<name>[^;]*);(?P<contact>.*)' }
key = "name"
[each.peer]
in = "peers"
[tree]
"peers/_online/{peer}" = { symlink = "../{{ peer }}", when = "peer.contact" }
"peers/{peer}/contact" = { render = "{{ peer.contact }}\n" }
"peers/{peer}.json" = { query = "peer", as = "json", when = "peer.contact" }
"peers/count" = { render = "{{ peers | length }}\n" }
"version" = { command = "core show version" }
"motd" = { text = "hello\n" }
"empty/" = { mode = "0700" }
"#;

#[tokio::test]
async fn records_become_directories_links_and_files() {
    let server = Recorded::new();
    server.prints("sip show peers", "6001;sip:6001@a\n6002;");
    server.prints("core show version", "  Asterisk 16\n");
    let tree = tree(PEERS, &server);
    assert_eq!(names(&tree, "").await, ["peers", "version", "motd", "empty"]);
    assert_eq!(names(&tree, "peers").await, ["_online", "count", "6001", "6002", "6001.json"]);
    assert_eq!(names(&tree, "peers/_online").await, ["6001"]);
    assert_eq!(text(&tree, "peers/_online/6001").await.unwrap(), "../6001");
    assert_eq!(text(&tree, "peers/6002/contact").await.unwrap(), "\n");
    assert_eq!(text(&tree, "peers/count").await.unwrap(), "2\n");
    assert_eq!(text(&tree, "version").await.unwrap(), "  Asterisk 16\n", "a command's bytes are kept");
    assert_eq!(
        text(&tree, "peers/6001.json").await.unwrap(),
        "{\n  \"name\": \"6001\",\n  \"contact\": \"sip:6001@a\"\n}\n"
    );
    assert_eq!(server.asked().len(), 2);
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let server = Recorded::new();
    server.prints("sip show peers", "6001;");
    let tree = tree(PEERS, &server);
    for path in ["nosuch", "peers/6003", "peers/_online/6001", "peers/6001.json", "peers/6001/x", ".."] {
        assert!(matches!(tree.resolve(Path::new(path)).await, Err(TreeError::NotFound)), "{path}");
    }
    assert!(matches!(tree.resolve(Path::new("motd/x")).await, Err(TreeError::NotADirectory)));
    let empty = tree.resolve(Path::new("empty/")).await.unwrap();
    assert!(matches!(tree.content(&empty).await, Err(TreeError::IsADirectory)));
    assert_eq!((tree.kind(&empty), tree.attributes(&empty).mode), (Kind::Directory, Some(0o700)));
}

#[tokio::test]
async fn hostile_names_are_escaped_told_apart_and_never_dropped() {
    let server = Recorded::new();
    server
        .prints("sip show peers", "..;c\n_online;c\nperson/person;c\n6001;c\n6001;d\n6001~2;e\n;c\ncount;c");
    let tree = tree(PEERS, &server);
    let listed = names(&tree, "peers").await;
    let directories: Vec<&str> = listed[2..10].iter().map(String::as_str).collect();
    assert_eq!(
        directories,
        ["%2E.", "_online~2", "person%2Fperson", "6001", "6001~2", "6001~2~2", "%", "count~2"]
    );
    assert_eq!(text(&tree, "peers/6001~2/contact").await.unwrap(), "d\n");
    assert_eq!(text(&tree, "peers/_online/6001~2").await.unwrap(), "../6001~2");
    assert_eq!(text(&tree, "peers/_online/person%2Fperson").await.unwrap(), "../person%2Fperson");
    assert_eq!(
        text(&tree, "peers/_online/_online~2").await.unwrap(),
        "../_online~2",
        "a record has one name, also where nothing else has it"
    );
}

#[tokio::test]
async fn a_server_that_fails_hides_only_what_it_should_have_told() {
    let server = Recorded::new();
    server.answers("sip show peers", "Response: Error\r\nMessage: Out of order\r\n\r\n");
    let tree = tree(PEERS, &server);
    assert_eq!(text(&tree, "motd").await.unwrap(), "hello\n");
    assert!(tree.resolve(Path::new("peers/_online")).await.is_ok(), "an entry is found without its siblings");
    let peers = tree.resolve(Path::new("peers")).await.unwrap();
    assert!(tree.list(&peers).await.is_err(), "an incomplete listing would be a lie");
}

#[tokio::test]
async fn a_server_without_the_feature_has_an_empty_directory() {
    let server = Recorded::new();
    let tree = tree(PEERS, &server);
    assert_eq!(names(&tree, "peers").await, ["_online", "count"]);
    assert!(text(&tree, "peers/count").await.is_err());
}

#[tokio::test]
async fn a_right_that_is_lacking_is_told_and_not_shown_as_an_empty_directory() {
    let server = Recorded::new();
    server.answers("sip show peers", "Response: Error\r\nMessage: Permission denied\r\n\r\n");
    let text = format!(
        "{PEERS}[query.either]\nany = [\"peers\", \"no_other\"]\nkey = \"name\"\n[query.no_other]\ndata = \"/x\"\n"
    );
    let tree = tree(&text.replace("in = \"peers\"", "in = \"either\""), &server);
    let peers = tree.resolve(Path::new("peers")).await.unwrap();
    let error = tree.list(&peers).await.unwrap_err();
    assert!(error.to_string().contains("query `peers`: permission denied"), "{error}");
}

#[tokio::test]
async fn a_record_that_a_template_cannot_show_does_not_hide_its_siblings() {
    let server = Recorded::new();
    server.prints("sip show peers", "6001;x\n6002;y");
    let tree = tree(
        &PEERS.replace(
            "{{ peer.contact }}\\n",
            "{{ peer.contact if peer.name == '6002' else peer.nosuch }}\\n",
        ),
        &server,
    );
    let error = text(&tree, "peers/6001/contact").await.unwrap_err().to_string();
    assert!(error.contains("undefined") && error.contains("peers/{peer}/contact"), "{error}");
    assert_eq!(text(&tree, "peers/6002/contact").await.unwrap(), "y\n");
}

const QUEUES: &str = r#"
[query.queues]
command = "queues"
parse = "json"
key = "name"
[each.queue]
in = "queues"
[each.member]
in = "queue.members"
key = "interface"
[each.tag]
in = "member.tags"
[tree]
"queues/{queue}/members/{member}/{tag}" = { render = "{{ queue.name }} {{ member.interface }} {{ tag }}\n" }
"#;

#[tokio::test]
async fn path_variables_nest() {
    let server = Recorded::new();
    server.prints(
        "queues",
        r#"[{"name":"support","members":[{"interface":"SIP/6001","tags":["a","b"]}]},{"name":"sales","members":[]}]"#,
    );
    let tree = tree(QUEUES, &server);
    assert_eq!(names(&tree, "queues").await, ["support", "sales"]);
    assert_eq!(names(&tree, "queues/support/members").await, ["SIP%2F6001"]);
    assert!(names(&tree, "queues/sales/members").await.is_empty());
    assert_eq!(text(&tree, "queues/support/members/SIP%2F6001/b").await.unwrap(), "support SIP/6001 b\n");
}

#[tokio::test]
async fn what_is_computed_says_when_it_is_true_no_longer() {
    let server = Recorded::new();
    server.prints("sip show peers", "6001;x");
    let tree = tree(PEERS, &server);
    let node = tree.resolve(Path::new("peers/6001/contact")).await.unwrap();
    let rendered = tree.content(&node).await.unwrap();
    assert!(tree.still_true(&node, &rendered.used));
    server.prints("sip show peers", "6001;y");
    server.reconnects();
    assert!(!tree.still_true(&node, &rendered.used));
    assert_eq!(tree.content(&node).await.unwrap().bytes, "y\n");
    server.prints("sip show peers", "6002;y");
    server.reconnects();
    assert!(matches!(tree.content(&node).await, Err(TreeError::NotFound)));
    let peers = tree.resolve(Path::new("peers")).await.unwrap();
    assert!(!tree.is_static(&peers) && tree.is_static(&Node::root()));
    assert_eq!(tree.above(&node).unwrap().1, "contact".into());
}
