//! A question that is not answered delays who needs its answer, and nobody else.

use std::fs;
use std::time::{Duration, Instant};

use astfs::simulator::Fault;

use super::PATIENCE;
use super::phones::{Phones, QUERIES};
use crate::support::answers::{command, printed};
use crate::support::mount::fuse_available;
use crate::support::simulated::TreeFile;
use crate::support::wait_until;

const TREE: &str = r#"
[tree]
"slow/slow"               = { command = "show slow", timeout = "60s" }
"slow/size"               = { command = "show slow", timeout = "60s", render = "{{ result | length }}\n" }
"slow/address/{phone}"    = { render = "{{ phone.Address }}\n" }
"count"                   = { render = "{{ phones | rejectattr('Address', 'eq', '') | list | length }}\n" }
"online/{phone}"          = { symlink = "../slow/address/{{ phone }}", when = "phone.Address != ''" }
"#;

#[test]
fn a_question_without_an_answer_holds_up_no_other_file_and_no_other_directory() {
    if !fuse_available() {
        return;
    }
    let mut phones = Phones::new((0..20).map(|number| format!("phone{number}")));
    phones.server.answer(&command("show slow"), printed(["at last"]));
    let tree = TreeFile::new(&(QUERIES.to_owned() + TREE));
    let mounted = phones.server.mount(&tree.path());
    let read = |path: &str| fs::read_to_string(mounted.join(path));
    assert!(wait_until(PATIENCE, || read("count").is_ok_and(|count| count == "0\n")), "{}", mounted.stderr());
    phones.server.set_fault_for("show slow", Fault::Silent);

    std::thread::scope(|threads| {
        // as many as there are threads that serve the mount, and more
        let waiting: Vec<_> = (0..6)
            .map(|number| {
                let path = mounted.join(["slow/slow", "slow/size"][number % 2]);
                threads.spawn(move || fs::read_to_string(path))
            })
            .collect();
        let asked = || phones.server.questions().contains(&"show slow".to_owned());
        assert!(wait_until(PATIENCE, asked), "{}", mounted.stderr());
        for number in 0..20 {
            let name = format!("phone{number}");
            let address = format!("10.0.0.{number}");
            phones.set(&name, &address);
            phones.tell(&name);
            let told = || {
                let followed =
                    read(&format!("online/{name}")).is_ok_and(|read| read == address.clone() + "\n");
                followed && read("count").is_ok_and(|count| count == format!("{}\n", number + 1))
            };
            let begin = Instant::now();
            assert!(wait_until(PATIENCE, told), "{name}: {}", mounted.stderr());
            assert_eq!(fs::read_dir(mounted.join("online")).expect("it is listed").count(), number + 1);
            assert!(begin.elapsed() < Duration::from_secs(20), "it had to wait");
        }
        assert!(fs::read_dir(mounted.join("slow")).expect("its directory is listed").count() == 3);
        let still = waiting.iter().filter(|reader| !reader.is_finished()).count();
        assert_eq!(still, waiting.len(), "who needs the answer waits");
        // what they wait for fails with the connection; then they may ask again
        phones.server.set_fault(None);
        phones.server.disconnect_all();
        for reader in waiting {
            drop(reader.join().expect("it ends"));
        }
        let answered = || read("slow/slow").is_ok_and(|text| text == "at last\n");
        assert!(wait_until(PATIENCE, answered), "{}", mounted.stderr());
    });
}
