//! A question that is not answered delays who needs its answer, and nobody else.

use std::fs;
use std::time::{Duration, Instant};

use astfs::simulator::Fault;

use super::phones::{Phones, QUERIES};
use super::{PATIENCE, a_while};
use crate::support::answers::{command, printed};
use crate::support::mount::fuse_available;
use crate::support::simulated::TreeFile;
use crate::support::wait_until;

const TREE: &str = r#"
[tree]
"slow/{phone}.text"       = { command = "show slow {{ phone.Name }}", timeout = "60s" }
"slow/{phone}.size"       = { command = "show slow {{ phone.Name }}", timeout = "60s", render = "{{ result | length }}\n" }
"phones/{phone}/address"    = { render = "{{ phone.Address }}\n" }
"count"                   = { render = "{{ phones | rejectattr('Address', 'eq', '') | list | length }}\n" }
"online/{phone}"          = { symlink = "../phones/{{ phone }}/address", when = "phone.Address != ''" }
"#;

#[test]
fn a_question_that_takes_long_holds_up_no_other_file_and_no_other_directory() {
    if !fuse_available() {
        return;
    }
    let mut phones = Phones::new((0..20).map(|number| format!("phone{number}")));
    let tree = TreeFile::new(&(QUERIES.to_owned() + TREE));
    let mounted = phones.server.mount(&tree.path());
    let read = |path: &str| fs::read_to_string(mounted.join(path));
    let about = |number: usize| (format!("phone{number}"), format!("10.0.0.{number}\n"));
    let count = |number: usize| read("count").is_ok_and(|count| count == format!("{number}\n"));
    let known =
        || count(0) && (0..20).all(|number| read(&format!("phones/{}/address", about(number).0)).is_ok());
    assert!(wait_until(PATIENCE, known), "{}", mounted.stderr());

    for number in 0..3 {
        let (name, address) = about(number);
        let answer = format!("at last {number}");
        phones.server.answer(&command(&format!("show slow {name}")), printed([&*answer]));
        phones.server.forget_asked();
        // one question is on its way while others are asked that take much longer
        phones.server.set_fault_for("Phone", Fault::DelayAnswer(Duration::from_millis(500)));
        phones.set(&name, address.trim_end());
        phones.tell(&name);
        let asked = || phones.server.questions().contains(&"Phone".to_owned());
        assert!(wait_until(PATIENCE, asked), "{}", mounted.stderr());
        phones.server.set_fault_for("show slow", Fault::DelayAnswer(Duration::from_secs(3)));
        std::thread::scope(|threads| {
            // more than there are threads that serve the mount
            let waiting: Vec<_> = (0..6)
                .map(|number| {
                    let path = mounted.join(format!("slow/{name}{}", [".text", ".size"][number % 2]));
                    threads.spawn(move || fs::read_to_string(path))
                })
                .collect();
            let told =
                || read(&format!("online/{name}")).is_ok_and(|read| read == address) && count(number + 1);
            assert!(wait_until(PATIENCE, told), "{name}: {}", mounted.stderr());
            for other in 0..20 {
                let (name, address) = about(other);
                let shown = read(&format!("phones/{name}/address")).expect("what needs no answer is read");
                assert_eq!(shown, if other <= number { address } else { "\n".into() });
                let is_online = fs::symlink_metadata(mounted.join("online").join(&name)).is_ok();
                assert_eq!(is_online, other <= number, "{name}");
            }
            assert_eq!(fs::read_dir(mounted.join("online")).expect("it is listed").count(), number + 1);
            let still = waiting.iter().filter(|reader| !reader.is_finished()).count();
            assert_eq!(still, waiting.len(), "who needs the answer waits");
            for (number, reader) in waiting.into_iter().enumerate() {
                let shown = reader.join().expect("it ends").expect("it is answered");
                assert_eq!(shown, [format!("{answer}\n"), format!("{}\n", answer.len() + 1)][number % 2]);
            }
        });
        phones.server.set_fault(None);
    }
}

#[test]
fn who_waits_in_a_directory_whose_names_change_holds_up_no_other_directory() {
    if !fuse_available() {
        return;
    }
    const PHONES: usize = 60;
    let name = |number: usize| format!("phone{number:02}");
    let mut phones = Phones::new((0..PHONES).map(name));
    let text = QUERIES.to_owned()
        + r#"
[tree]
"slow/{phone}.address" = { render = "{{ phone.Address }}\n" }
"slow/{phone}.text"    = { command = "show slow {{ phone.Name }}", timeout = "60s", refresh = { every = "10ms" } }
"other/{phone}"        = { render = "{{ phone.Address }}\n" }
"#;
    let tree = TreeFile::new(&text);
    let mounted = phones.server.mount(&tree.path());
    let read = |path: String| fs::read_to_string(mounted.join(path));
    let shown = |number: usize, address: &str| {
        let right = |path: String| read(path).is_ok_and(|read| read == format!("{address}\n"));
        right(format!("other/{}", name(number)))
    };
    let known = |address: &str| {
        let beside = |number: usize| read(format!("slow/{}.address", name(number))).is_ok();
        (0..PHONES).all(|number| shown(number, address) && beside(number))
    };
    assert!(wait_until(PATIENCE, || known("")), "{}", mounted.stderr());
    let begin = Instant::now();
    for trial in 0.. {
        if begin.elapsed() > a_while(5) {
            break;
        }
        let address = format!("10.0.0.{trial}");
        let slow = name(trial % PHONES);
        phones.server.answer(&command(&format!("show slow {slow}")), printed(["at last"]));
        phones.server.set_fault_for("show slow", Fault::DelayAnswer(Duration::from_secs(1)));
        (1..PHONES).for_each(|number| phones.set_one(&name(number), &address));
        phones.set(&name(0), &address);
        phones.tell_reload();
        std::thread::scope(|threads| {
            // when the first of the changes are told, somebody comes who has to wait where the others change
            assert!(wait_until(PATIENCE, || (0..PHONES).any(|number| shown(number, &address))));
            let path = mounted.join(format!("slow/{slow}.text"));
            let waiting = threads.spawn(move || fs::read_to_string(path));
            let told = wait_until(PATIENCE, || (0..PHONES).all(|number| shown(number, &address)));
            assert!(told, "{}", mounted.stderr());
            assert!(!waiting.is_finished(), "trial {trial}: others had to wait as long as he");
            let read = waiting.join().expect("it ends").expect("it is answered");
            assert_eq!(read, "at last\n");
        });
        phones.server.set_fault(None);
        let beside = |number: usize| read(format!("slow/{}.address", name(number)));
        let told =
            || (0..PHONES).all(|number| beside(number).is_ok_and(|read| read == format!("{address}\n")));
        assert!(wait_until(PATIENCE, told), "trial {trial}: where he waited, it is told when he is gone");
    }
}
