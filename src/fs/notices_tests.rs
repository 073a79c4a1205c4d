//! Of which directories the kernel is told, and when not. `tests/models.rs` proves it for every order.

use fuser::INodeNo;

use super::notices::{Notice, Notices, Unsent};

fn next(unsent: &Unsent) -> Option<Notice> {
    unsent.0.lock().unwrap().try_recv().ok()
}

#[test]
fn notices_of_a_directory_in_which_somebody_waits_come_when_he_is_answered() {
    let (notices, unsent) = Notices::new();
    let (one, two) = (notices.hold(INodeNo(5)), notices.hold(INodeNo(5)));
    assert!(notices.begin(Notice::Names(INodeNo(5))).is_none());
    assert!(notices.begin(Notice::Names(INodeNo(6))).is_some(), "others do not wait");
    drop(one);
    assert!(next(&unsent).is_none(), "somebody waits still");
    drop(two);
    assert!(matches!(next(&unsent), Some(Notice::Names(INodeNo(5)))));
    assert!(!notices.is_busy(INodeNo(5)));
}

#[test]
fn one_thread_at_a_time_tells_of_a_directory_and_none_while_somebody_waits_in_it() {
    let (notices, unsent) = Notices::new();
    assert!(notices.begin(Notice::Names(INodeNo(5))).is_some());
    for name in ["a", "b"] {
        assert!(notices.begin(Notice::Name(INodeNo(5), name.into())).is_none());
    }
    assert!(matches!(notices.go_on(5), Some(Notice::Name(_, name)) if *name == *"a"));
    let one = notices.hold(INodeNo(5));
    drop(one);
    assert!(next(&unsent).is_none(), "who is telling goes on");
    let two = notices.hold(INodeNo(5));
    assert!(notices.go_on(5).is_none());
    drop(two);
    assert!(matches!(next(&unsent), Some(Notice::Name(_, name)) if *name == *"b"));
    assert!(notices.go_on(5).is_none() && !notices.is_busy(INodeNo(5)));
}
