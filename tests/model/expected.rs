//! What must be there: the tree file's meaning for a state of the server, written down by hand once more.

use std::collections::{BTreeMap, HashSet};

use super::world::{Peer, Person, World};
use crate::support::walk::{Shown, Walk};

/// The tree file.
pub const TREE: &str = r#"
[server]
address = "127.0.0.1:5038"
user    = "astfs"

[query.peers]
action  = "Peers"
key     = "Name"
fields  = { online = "row.Address != ''", city = "people[row.Owner].City if people[row.Owner] is defined else 'nowhere'" }
refresh = { on = ["Reload", { PeerStatus = "event.Peer" }], one = "peer_anew" }

[query.peer_anew]
action = { Action = "Peer", Name = "{{ peer.Name }}" }

[query.note]
action  = { Action = "Note", Name = "{{ peer.Name }}" }
refresh = { on = ["Reload", { PeerStatus = "event.Peer" }] }

[query.people]
action  = "People"
key     = "Name"
refresh = { on = ["PersonChange"] }

[query.cities]
value  = "people"
key    = "Name"
fields = { loud = "row.City | upper" }

[query.tagged]
value  = "peers"
key    = "Name"
fields = { tag = "row.Name ~ '@' ~ row.city" }

[query.nothing]
action = "NoSuchAction"
key    = "Name"

[query.anything]
any = ["nothing", "peers"]
key = "Name"

[each.peer]
in = "peers"

[each.any]
in  = "anything"
key = "Name"

[each.tag]
in    = "tagged"
where = "tag.online"

[each.chatty]
in    = "peers"
as    = "peer"
where = "note.Text == 'calls often'"

[each.vip]
in    = "peers"
where = "vip.Kind == 'vip'"

[each.housed]
in    = "peers"
where = "people[housed.Owner] is defined"

[each.person]
in = "people"

[each.phone]
in  = "peers | selectattr('Owner', 'eq', person.Name) | list"
as  = "peer"
key = "Name"

[tree]
"all"                           = { render = "{% for one in peers %}{{ one.Name }}={{ one.Address }};{% endfor %}" }
"count"                         = { render = "{{ peers | length }} {{ peers | selectattr('online') | list | length }} {{ people | length }}\n" }
"known/alice"                   = { render = "{{ peers['alice'].Address }}\n", when = "peers['alice'] is defined" }
"cities"                        = { render = "{% for one in cities %}{{ one.loud }} {% endfor %}" }
"peers/{peer}/address"          = { render = "{{ peer.Address }}\n" }
"peers/{peer}/card"             = { render = "{{ peer.Name }}|{{ peer.online }}|{{ peer.city }}|{{ note.Text }}\n" }
"peers/{peer}/contact"          = { render = "at {{ peer.Address }}\n", when = "peer.online" }
"peers/_online/{peer}"          = { symlink = "../{{ peer }}", when = "peer.online" }
"peers/_offline/{peer}"         = { symlink = "../{{ peer }}", when = "not peer.online" }
"noted/{peer}.txt"              = { render = "{{ note.Text }}\n", when = "note.Text != 'none'" }
"vip/{vip}"                     = { render = "{{ vip.Name }} {{ vip.Address }}\n" }
"housed/{housed}"               = { render = "{{ people[housed.Owner].City }}\n" }
"people/{person}/city"          = { render = "{{ person.City }}\n" }
"people/{person}/phones/{phone}" = { render = "{{ peer.Address }} {{ note.Text }}\n" }
"mix/{peer}"                     = { render = "peer {{ peer.Address }}\n" }
"mix/{person}"                   = { render = "person {{ person.City }}\n" }
"tagged/{tag}"                   = { symlink = "{{ tag.tag }}" }
"chatty/{chatty}/address"        = { render = "{{ peer.Address }}\n" }
"any/{any}"                      = { render = "{{ any.Address }} of {{ anything | length }}\n" }
"mine/{peer}"                    = { render = "{{ caller.uid }} {{ peer.Address }}\n" }
"#;

/// All paths with what stands there for a user; without one, what is made for users cannot be shown.
pub fn expected(world: &World, reader: Option<u32>) -> Walk {
    let mut walk: Walk = BTreeMap::new();
    let mut put = |path: String, shown: Shown| assert_eq!(walk.insert(path.clone(), shown), None, "{path}");
    let file = |text: String| Shown::File(text.into_bytes());
    const DIRECTORIES: &str =
        "peers peers/_online peers/_offline noted vip housed people known mix tagged chatty any mine";
    for directory in DIRECTORIES.split(' ') {
        put(directory.into(), Shown::Directory);
    }
    let peers = &world.peers;
    let first = |name: &str| world.people.iter().find(|person| person.name == name);
    let city = |peer: &Peer| first(peer.owner).map_or("nowhere", |person| person.city);

    put("all".into(), file(peers.iter().map(|peer| format!("{}={};", peer.name, peer.address)).collect()));
    let online = peers.iter().filter(|peer| is_online(peer)).count();
    put("count".into(), file(format!("{} {online} {}\n", peers.len(), world.people.len())));
    if let Some(alice) = peers.iter().find(|peer| peer.name == "alice") {
        put("known/alice".into(), file(format!("{}\n", alice.address)));
    }
    put("cities".into(), file(world.people.iter().map(|one| one.city.to_uppercase() + " ").collect()));

    let names = named(peers.iter().map(|peer| peer.name), &["_online", "_offline"]);
    for (peer, name) in peers.iter().zip(&names) {
        put(format!("peers/{name}"), Shown::Directory);
        put(format!("peers/{name}/address"), file(format!("{}\n", peer.address)));
        let truth = if is_online(peer) { "True" } else { "False" };
        let card = format!("{}|{truth}|{}|{}\n", peer.name, city(peer), peer.note);
        put(format!("peers/{name}/card"), file(card));
        let target = Shown::Link(format!("../{name}").into_bytes());
        if is_online(peer) {
            put(format!("peers/{name}/contact"), file(format!("at {}\n", peer.address)));
            put(format!("peers/_online/{name}"), target);
        } else {
            put(format!("peers/_offline/{name}"), target);
        }
    }
    for peer in peers.iter().filter(|peer| peer.note != "none") {
        put(format!("noted/{}.txt", escaped(peer.name)), file(format!("{}\n", peer.note)));
    }
    for peer in peers.iter().filter(|peer| peer.vip) {
        put(format!("vip/{}", escaped(peer.name)), file(format!("{} {}\n", peer.name, peer.address)));
    }
    for peer in peers.iter().filter(|peer| first(peer.owner).is_some()) {
        put(format!("housed/{}", escaped(peer.name)), file(format!("{}\n", city(peer))));
    }
    let names = named(world.people.iter().map(|person| person.name), &[]);
    for (Person { name: owner, city }, name) in world.people.iter().zip(&names) {
        put(format!("people/{name}"), Shown::Directory);
        put(format!("people/{name}/city"), file(format!("{city}\n")));
        put(format!("people/{name}/phones"), Shown::Directory);
        for peer in peers.iter().filter(|peer| peer.owner == *owner) {
            let path = format!("people/{name}/phones/{}", escaped(peer.name));
            put(path, file(format!("{} {}\n", peer.address, peer.note)));
        }
    }

    // of two variables in one directory, the first has the first choice
    let both = peers.iter().map(|peer| peer.name).chain(world.people.iter().map(|person| person.name));
    let names = named(both, &["_online", "_offline"]);
    let texts = peers.iter().map(|peer| format!("peer {}\n", peer.address));
    let texts = texts.chain(world.people.iter().map(|person| format!("person {}\n", person.city)));
    for (name, text) in names.iter().zip(texts) {
        put(format!("mix/{name}"), file(text));
    }
    for (peer, name) in peers.iter().zip(named(peers.iter().map(|peer| peer.name), &["_online", "_offline"]))
    {
        let mine = |uid| file(format!("{uid} {}\n", peer.address));
        put(format!("mine/{name}"), reader.map_or(Shown::Failed(None), mine));
    }
    for peer in peers {
        let name = escaped(peer.name);
        if is_online(peer) {
            let target = escaped(&format!("{}@{}", peer.name, city(peer)));
            put(format!("tagged/{name}"), Shown::Link(target.into_bytes()));
        }
        if peer.note == "calls often" {
            put(format!("chatty/{name}"), Shown::Directory);
            put(format!("chatty/{name}/address"), file(format!("{}\n", peer.address)));
        }
        put(format!("any/{name}"), file(format!("{} of {}\n", peer.address, peers.len())));
    }
    walk
}

fn is_online(peer: &Peer) -> bool {
    !peer.address.is_empty()
}

/// The names of records beside names that are taken.
fn named<'a>(records: impl Iterator<Item = &'a str>, taken: &[&str]) -> Vec<String> {
    let mut taken: HashSet<String> = taken.iter().map(|name| (*name).to_owned()).collect();
    let mut name = |record: &str| {
        let own = escaped(record);
        let later = (2..).map(|number| format!("{own}~{number}"));
        let mut free = std::iter::once(own.clone()).chain(later).filter(|name| !taken.contains(name));
        let name = free.next().unwrap_or_default();
        taken.insert(name.clone());
        name
    };
    records.map(&mut name).collect()
}

fn escaped(name: &str) -> String {
    match name {
        "" => "%".into(),
        "." => "%2E".into(),
        ".." => "%2E.".into(),
        _ => name.replace('%', "%25").replace('/', "%2F"),
    }
}
