//! Files, programs and URLs in a tree that several servers have below their names: each server sees what is said
//! for it, what is said for none of them is asked once, and nobody waits for another's.

use std::collections::BTreeMap;
use std::fs;
use std::thread;

use crate::support::mount::Mounted;
use crate::support::wait_until;
use crate::web::Web;
use crate::{Ground, PATIENCE};

/// What each server has below its name. `ADDRESS` is where the web server is.
const PART: &str = r#"
[query.notes]
file  = "@notes-{{ server.name }}"
parse = "lines"
[query.everybody]
file  = "@everybody"
[query.page]
http    = "http://ADDRESS/{{ server.name }}"
refresh = { every = "1h" }
[query.list]
http    = "http://ADDRESS/list"
refresh = { every = "1h" }
[query.page_of_line]
http    = "http://ADDRESS/{{ server.name }}/{{ line }}"
refresh = { every = "1h" }
[query.program]
exec    = ["sh", "-c", "echo $1 >> @runs; echo $1", "sh", "{{ server.name }}"]
refresh = { every = "1h" }
[query.program_for_all]
exec    = ["sh", "-c", "echo all >> @runs; echo all"]
refresh = { every = "1h" }

[each.line]
in = "notes"

[tree]
"notes"         = { query = "notes | first" }
"everybody"     = { query = "everybody" }
"page"          = { query = "page.of" }
"list"          = { query = "list | join(' ')" }
"program"       = { query = "program" }
"all"           = { query = "program_for_all" }
"lines/{line}"  = { query = "page_of_line.of" }
"#;

/// Nobody listens at these addresses: what is beside a server does not need it.
const TREE: &str = r#"
include = { file = "part.toml", under = "{server}" }
[server]
user   = "astfs"
secret = { env = "ASTFS_SECRET" }
tls    = false
[server.north]
address = "127.0.0.1:1"
[server.south]
address = "127.0.0.1:2"
[defaults]
timeout = "50s"
"#;

fn ground(web: &Web) -> Ground {
    let ground = Ground::new(TREE);
    let folder = ground.at("").display().to_string();
    ground.write("part.toml", &PART.replace('@', &folder).replace("ADDRESS", &web.address));
    for name in ["north", "south"] {
        ground.write(&format!("notes-{name}"), &format!("note of {name}\n"));
        web.answers(&format!("/{name}"), 200, &format!("{{\"of\": \"{name}\"}}"));
    }
    ground.write("everybody", "the same\n");
    web.answers("/list", 200, "[1, 2]");
    ground
}

/// Mounted, if this machine can.
fn mount(ground: &Ground) -> Option<Mounted> {
    let mounted = || Mounted::start(&ground.tree(), ["--allow-exec"], &[("ASTFS_SECRET", "x")]);
    crate::fuse_available().then(|| mounted().expect("the tree can be mounted"))
}

fn read(mounted: &Mounted, path: &str) -> String {
    fs::read_to_string(mounted.join(path)).unwrap_or_else(|error| format!("{path}: {error}"))
}

/// How often each path was asked for since the last time.
fn asked(web: &Web) -> BTreeMap<String, usize> {
    let mut counted = BTreeMap::new();
    for request in web.asked() {
        *counted.entry(request.split(' ').nth(1).unwrap_or_default().to_owned()).or_default() += 1;
    }
    counted
}

#[test]
fn what_names_the_server_is_asked_for_each_and_what_does_not_once_for_all() {
    let web = Web::start();
    let ground = ground(&web);
    let Some(mounted) = mount(&ground) else { return };
    for _ in 0..2 {
        for name in ["north", "south"] {
            for (file, content) in [
                ("notes", format!("note of {name}\n")),
                ("everybody", "the same\n".to_owned()),
                ("page", format!("{name}\n")),
                ("list", "1 2\n".to_owned()),
                ("program", format!("{name}\n")),
                ("all", "all\n".to_owned()),
            ] {
                assert_eq!(read(&mounted, &format!("{name}/{file}")), content, "{file} of {name}");
            }
        }
    }
    let once = ["/list", "/north", "/south"].map(|path| (path.to_owned(), 1));
    assert_eq!(asked(&web), BTreeMap::from(once));
    let runs = fs::read_to_string(ground.at("runs")).expect("the programs ran");
    let mut runs: Vec<_> = runs.lines().collect();
    runs.sort_unstable();
    assert_eq!(runs, ["all", "north", "south"]);

    ground.write("notes-north", "another\n");
    ground.write("everybody", "changed\n");
    let now = |path: &str| read(&mounted, path);
    assert!(wait_until(PATIENCE, || now("north/notes") == "another\n"), "{}", now("north/notes"));
    assert_eq!(now("south/notes"), "note of south\n");
    for path in ["north/everybody", "south/everybody"] {
        assert!(wait_until(PATIENCE, || now(path) == "changed\n"), "{}", now(path));
    }
    assert!(asked(&web).is_empty(), "a file that changes asks nobody else");
}

#[test]
fn a_slow_url_of_one_server_holds_up_only_who_reads_of_it() {
    let (web, slow) = (Web::start(), Web::start());
    let ground = ground(&web);
    // more than are asked of one host, or for one server, at a time
    let lines: Vec<String> = (0..80).map(|number| format!("line{number}")).collect();
    ground.write("notes-north", &lines.join("\n"));
    for line in &lines {
        slow.answers(&format!("/north/{line}"), 0, "");
    }
    web.answers("/south/note%20of%20south", 200, "{\"of\": \"south\"}");
    let part = fs::read_to_string(ground.at("part.toml")).expect("the part");
    let of_line = format!("http://{}/{{{{ server.name }}}}/{{{{ line }}}}", web.address);
    let by_server = of_line.replace(
        &web.address,
        &format!("{{% if server.name == 'north' %}}{}{{% else %}}{}{{% endif %}}", slow.address, web.address),
    );
    assert!(part.contains(&of_line));
    ground.write("part.toml", &part.replace(&of_line, &by_server));
    let Some(mounted) = mount(&ground) else { return };
    let read = |path: &str| read(&mounted, path);
    thread::scope(|scope| {
        let waiting: Vec<_> =
            lines.iter().map(|line| scope.spawn(move || read(&format!("north/lines/{line}")))).collect();
        assert!(wait_until(PATIENCE, || asked(&slow).len() + asked(&web).len() > 0), "nobody asks");
        assert_eq!(read("south/lines/note of south"), "south\n");
        assert_eq!(read("south/page"), "south\n");
        assert_eq!(read("south/notes"), "note of south\n");
        assert_eq!(read("south/program"), "south\n");
        assert!(waiting.iter().all(|one| !one.is_finished()), "they wait, and were passed");
        for line in &lines {
            slow.answers(&format!("/north/{line}"), 200, "{\"of\": \"north\"}");
        }
        for one in waiting {
            assert_eq!(one.join().expect("it is read"), "north\n");
        }
    });
}
