use std::path::Path;
use std::sync::Arc;

use super::super::{Node, Step, Tree, TreeError};
use super::{Given, Missing};
use crate::query::recorded::{Recorded, queries};
use crate::query::{Caller, Reads};

const TREE: &str = r#"
[query.peers]
command = "sip show peers"
parse = { regex = '(?P<name>[^;]*);(?P<kind>.*)' }
key = "name"
[query.lost]
command = "no such command"
[each.peer]
in = "peers"
where = "peer.kind != 'hidden'"
[each.other]
in = "lost"
key = "name"
[tree]
"peers/{peer}/kind" = { render = "{{ peer.kind }}\n" }
"busy/{peer}" = { symlink = "../peers/{{ peer }}", when = "peer.kind == 'busy'" }
"others/{other}/x" = { text = "" }
"some/night" = { text = "", when = "peers | length > 9" }
"#;

fn tree() -> Tree {
    let server = Recorded::new();
    server.prints("sip show peers", "6001;busy\n6002;idle\na/b;idle\n6001;idle\n6009;hidden");
    server.prints("no such command", "No such command 'no such command' (type 'core show help')");
    Tree::new(queries(TREE, &Arc::clone(&server)))
}

async fn missing(tree: &Tree, directory: &str, name: &str) -> Missing {
    let directory = tree.resolve(Path::new(directory)).await.unwrap();
    assert!(matches!(tree.find(&directory, name).await, Err(TreeError::NotFound)), "{name}");
    tree.settle(|reads| tree.missing_now(&directory, name, reads)).await.unwrap()
}

#[tokio::test]
async fn each_reason_for_which_a_name_is_not_there_is_told_from_the_others() {
    let tree = tree();
    let unknown = missing(&tree, "peers", "6003").await;
    assert_eq!(unknown.nearest, ["6001", "6002", "6001~2"]);
    let [none] = &unknown.records[..] else { panic!("{unknown:?}") };
    assert_eq!((none.listed, none.counted, none.filtered, none.hidden), (5, 4, false, None));

    let filtered = missing(&tree, "peers", "6009").await;
    assert!(filtered.records[0].filtered && filtered.records[0].hidden.is_none(), "{filtered:?}");

    let idle = missing(&tree, "busy", "6002").await;
    assert_eq!((idle.records[0].filtered, idle.records[0].hidden), (false, Some(1)));

    let night = missing(&tree, "some", "night").await;
    assert_eq!((night.hidden, night.error), (Some(3), None));

    let lost = missing(&tree, "others", "x").await;
    assert_eq!(lost.records[0].listed, 0);
    assert!(lost.records[0].error.as_ref().is_some_and(|error| error.contains("cannot answer")), "{lost:?}");

    let nothing = missing(&tree, "", "pears").await;
    assert!(nothing.records.is_empty() && nothing.hidden.is_none());
    assert_eq!(nothing.nearest, ["peers"]);
}

#[tokio::test]
async fn a_record_above_has_its_key_and_why_its_name_is_another() {
    let tree = tree();
    for (name, key, given) in [
        ("6001", "6001", vec![]),
        ("a%2Fb", "a/b", vec![Given::Escaped]),
        ("6001~2", "6001", vec![Given::Suffix]),
    ] {
        let node = tree.resolve(&Path::new("peers").join(name).join("kind")).await.unwrap();
        let (above, _) = tree.settle(|reads| tree.records_above(&node, reads)).await.unwrap();
        let [one] = &above[..] else { panic!("{above:?}") };
        assert_eq!((one.key.as_deref(), &*one.name, &one.given), (Some(key), name, &given));
    }
    let long = "x".repeat(300);
    assert_eq!(super::given(&long, 0, "cut", "cut"), [Given::Cut]);
}

#[tokio::test]
async fn what_a_node_is_computed_from_is_told_with_why_it_cannot_be_had() {
    let tree = tree();
    let node = tree.resolve(Path::new("others")).await.unwrap();
    let read = |reads: &Reads| tree.read_now(&node, &reads.for_caller(Caller::own()));
    let (error, used) = tree.settle(read).await.unwrap();
    assert!(error.is_none(), "a server that cannot answer gives no records");
    let words: Vec<_> = tree.queries().asked(&used).iter().map(|asked| asked.word()).collect();
    assert_eq!(words, ["cannot"]);
    let lacking = Reads::new(crate::query::Manner::of_reader());
    let fresh = self::tree();
    assert!(matches!(fresh.read_now(&node, &lacking), Err(Step::Wanted)));
}

#[test]
fn the_letters_of_the_tree_file_say_what_a_name_can_be() {
    let tree = tree();
    let [peers] = &tree.candidates(&Node::root(), "peers")[..] else { panic!("one place") };
    let [peer] = &tree.candidates(peers, "6001")[..] else { panic!("one place") };
    assert_eq!(&*peer.names[0], "6001");
    let below: Vec<_> = tree.entries_below(peers).into_iter().map(|entry| entry.place.text()).collect();
    assert_eq!(below, ["\"peers/{peer}/kind\""]);
    assert!(tree.candidates(&Node::root(), "nothing").is_empty());
    assert_eq!(tree.variables_above(peer).len(), 1);
}
