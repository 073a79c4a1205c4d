use std::sync::Arc;

use bytes::Bytes;

use super::*;

fn shown(name: &str) -> Shown {
    Node { names: Arc::new([name.into()]), ..Node::root() }.into()
}

fn content(text: &'static str) -> Option<Rendered> {
    Some(Rendered { bytes: Bytes::from_static(text.as_bytes()), used: Arc::default() })
}

fn bytes(inodes: &Inodes, number: INodeNo) -> Bytes {
    inodes.get(number).unwrap().content.as_ref().unwrap().bytes.clone()
}

#[test]
fn new_content_is_a_new_inode_and_the_old_one_keeps_its_bytes() {
    let mut inodes = Inodes::new();
    let first = inodes.place(&shown("a"), content("one"), Some(1)).number;
    inodes.looked_up(first);
    let same = inodes.place(&shown("a"), content("one"), Some(2));
    assert_eq!(same, Placed { number: first, replaced: None, release: Some(1) });
    let second = inodes.place(&shown("a"), content("two!"), Some(3));
    assert_eq!((second.replaced, second.release), (Some(first), Some(2)));
    assert_eq!(bytes(&inodes, first), "one");
    assert_eq!(inodes.number(&shown("a")), Some(second.number));
    assert_eq!(inodes.bytes(), 7);
    let forgotten = inodes.forget(first, 1).unwrap();
    assert!(!forgotten.was_current && forgotten.release.is_none());
    assert_eq!(inodes.bytes(), 4);
    assert!(inodes.current(&shown("a")).is_some());
}

#[test]
fn a_listed_file_gets_its_content_later_in_the_same_inode() {
    let mut inodes = Inodes::new();
    let listed = inodes.place(&shown("a"), None, None).number;
    assert_eq!(inodes.place(&shown("a"), content("one"), None).number, listed);
}

#[test]
fn an_inode_is_filled_once_whoever_comes_later_with_what() {
    let mut inodes = Inodes::new();
    let listed = inodes.place(&shown("a"), None, None).number;
    for (text, number, released) in [("one", 1, None), ("two", 2, Some(2))] {
        let (inode, release) = inodes.fill(listed, content(text).unwrap(), Some(number));
        assert_eq!(inode.unwrap().content.as_ref().unwrap().bytes, "one");
        assert_eq!(release, released);
    }
    assert_eq!(inodes.forget(listed, 0).unwrap().release, Some(1));
    assert_eq!(inodes.fill(listed, content("x").unwrap(), Some(3)).1, Some(3));
}

#[test]
fn each_user_has_an_inode_of_his_own() {
    let mut inodes = Inodes::new();
    let of = |user| Shown { reader: Some((user, user)), ..shown("a") };
    let one = inodes.place(&of(1), content("for one"), None).number;
    let two = inodes.place(&of(2), content("for two"), None).number;
    assert_ne!(one, two);
    assert_eq!(bytes(&inodes, one), "for one");
}

#[test]
fn a_detached_inode_lives_while_the_kernel_knows_it() {
    let mut inodes = Inodes::new();
    let number = inodes.place(&shown("a"), content("x"), Some(7)).number;
    inodes.looked_up(number);
    assert_eq!(inodes.detach(&shown("a")), Some((number, Some(7))));
    assert!(inodes.number(&shown("a")).is_none() && inodes.get(number).is_some());
    let again = inodes.place(&shown("a"), content("x"), None).number;
    assert_ne!(again, number);
    inodes.forget(number, 1);
    assert_eq!((inodes.number(&shown("a")), inodes.count()), (Some(again), 2));
}

#[test]
fn forgotten_inodes_leave_nothing_behind() {
    let mut inodes = Inodes::new();
    for round in 0..100 {
        let number = inodes.place(&shown(&format!("n{round}")), content("x"), None).number;
        inodes.looked_up(number);
        inodes.looked_up(number);
        assert!(inodes.forget(number, 1).is_none());
        assert!(inodes.forget(number, 1).is_some());
    }
    assert_eq!((inodes.count(), inodes.current.numbers.len(), inodes.bytes()), (1, 1, 0));
    inodes.forget(INodeNo::ROOT, 5);
    assert!(inodes.get(INodeNo::ROOT).is_some());
}
