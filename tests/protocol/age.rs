//! What has an age is asked again at that age, when somebody looks, and only then.

use std::fs;
use std::time::{Duration, Instant};

use astfs::simulator::{Content, Version};

use super::PATIENCE;
use crate::support::answers::{command, list, printed};
use crate::support::mount::fuse_available;
use crate::support::simulated::{Simulated, TreeFile};
use crate::support::wait_until;

const TREE: &str = r#"
[server]
address = "127.0.0.1:5038"
user    = "astfs"

[query.phones]
action  = "Phones"
key     = "Name"
refresh = { every = "400ms" }

[each.phone]
in = "phones"

[tree]
"text"           = { command = "show text", refresh = { every = "400ms" } }
"phones/{phone}" = { render = "{{ phone.Address }}\n" }
"online/{phone}" = { symlink = "../phones/{{ phone }}", when = "phone.Address != ''" }
"link"           = { symlink = "{{ phones | length }}" }
"some"           = { text = "", when = "phones | length > 2" }
"#;

fn publish(server: &Simulated, number: usize) {
    server.answer(&command("show text"), printed([&*format!("text {number}")]));
    let phone = |one: usize| {
        let address = if one % 2 == number % 2 { format!("10.0.0.{number}") } else { String::new() };
        format!("Name: phone{one}\r\nAddress: {address}\r\n")
    };
    server.answer(&[("Action", "Phones")], list((number % 3..3 + number % 2).map(phone)));
}

#[test]
fn what_no_event_tells_of_is_found_at_its_age_and_nothing_is_asked_while_nobody_looks() {
    if !fuse_available() {
        return;
    }
    let server = Simulated::start(Content::new(Version::Asterisk16));
    publish(&server, 0);
    let tree = TreeFile::new(TREE);
    let mounted = server.mount(&tree.path());
    let wrong = |number: usize| {
        let read = |path: &str| fs::read_to_string(mounted.join(path)).map_err(|error| error.to_string());
        let mut wrong = Vec::new();
        let mut must = |what: &str, is: Result<String, String>, must: Result<String, String>| {
            let alike = is == must || is.is_err() && must.is_err();
            if !alike {
                wrong.push(format!("{what} is {is:?}, not {must:?}"));
            }
        };
        must("text", read("text"), Ok(format!("text {number}\n")));
        let there = number % 3..3 + number % 2;
        for one in 0..5 {
            let online = one % 2 == number % 2;
            let address = if online { format!("10.0.0.{number}\n") } else { "\n".into() };
            let gone = || Err("none".to_owned());
            let shown = if there.contains(&one) { Ok(address.clone()) } else { gone() };
            must("a phone", read(&format!("phones/phone{one}")), shown.clone());
            must("an online one", read(&format!("online/phone{one}")), if online { shown } else { gone() });
        }
        let count = fs::read_dir(mounted.join("phones")).map(|names| names.count().to_string());
        must("their list", count.map_err(|error| error.to_string()), Ok(there.len().to_string()));
        let link = fs::read_link(mounted.join("link")).map(|link| link.display().to_string());
        must("link", link.map_err(|error| error.to_string()), Ok(there.len().to_string()));
        must("some", read("some"), if there.len() > 2 { Ok(String::new()) } else { Err("none".into()) });
        wrong
    };
    for number in 0..12 {
        publish(&server, number);
        let mut last = Vec::new();
        let found = wait_until(PATIENCE, || {
            last = wrong(number);
            last.is_empty()
        });
        assert!(found, "{number}: {last:#?}\n{}", mounted.stderr());
    }

    // nobody looks: nobody asks
    std::thread::sleep(Duration::from_millis(500));
    server.forget_asked();
    std::thread::sleep(Duration::from_millis(900));
    assert_eq!(server.questions(), [""; 0]);

    // many look: each question is asked about once in its age
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_millis(2000) {
        assert_eq!(wrong(11), [""; 0]);
    }
    let ages = begin.elapsed().as_millis() as usize / 400 + 2;
    for question in ["Phones", "show text"] {
        let asked = server.questions().iter().filter(|asked| *asked == question).count();
        assert!((2..=ages).contains(&asked), "{question} is asked {asked} times in {ages} ages");
    }
}
