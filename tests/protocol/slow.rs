//! A question that is not answered delays who needs its answer, and nobody else.

use std::fs;
use std::time::Duration;

use astfs::simulator::Fault;

use super::PATIENCE;
use super::phones::{Phones, QUERIES};
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
