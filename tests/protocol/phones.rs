//! A server with phones that are asked for all at once or one by one, for the tests beside this.

use std::collections::BTreeMap;

use astfs::simulator::{Content, Version};

use crate::support::answers::{event, list, record};
use crate::support::simulated::Simulated;

/// The part of a tree file that asks for them.
pub const QUERIES: &str = r#"
[server]
address = "127.0.0.1:5038"
user    = "astfs"

[query.phones]
action  = "Phones"
key     = "Name"
refresh = { on = ["Reload", { PeerStatus = "event.Peer" }], one = "phone_anew" }

[query.phone_anew]
action = { Action = "Phone", Name = "{{ phone.Name }}" }

[each.phone]
in = "phones"
"#;

/// Phones by their names, with their addresses; an empty one says that it is offline.
pub struct Phones {
    pub server: Simulated,
    addresses: BTreeMap<String, String>,
}

impl Phones {
    /// A server with these phones, all offline.
    pub fn new<N: Into<String>>(names: impl IntoIterator<Item = N>) -> Phones {
        let server = Simulated::start(Content::new(Version::Asterisk16));
        let addresses = names.into_iter().map(|name| (name.into(), String::new())).collect();
        let phones = Phones { server, addresses };
        phones.addresses.keys().for_each(|name| phones.publish_one(name));
        phones.publish_list();
        phones
    }

    fn headers(name: &str, address: &str) -> String {
        format!("Name: {name}\r\nAddress: {address}\r\n")
    }

    fn publish_list(&self) {
        let all = self.addresses.iter().map(|(name, address)| Phones::headers(name, address));
        self.server.answer(&[("Action", "Phones")], list(all));
    }

    fn publish_one(&self, name: &str) {
        let headers = self.addresses.get(name).map(|address| Phones::headers(name, address));
        self.server.answer(&[("Action", "Phone"), ("Name", name)], record(headers));
    }

    /// All of them.
    pub fn addresses(&self) -> &BTreeMap<String, String> {
        &self.addresses
    }

    /// A phone has another address from now on. Only who asks for it alone sees that, until
    /// [`Phones::publish`].
    pub fn set_one(&mut self, name: &str, address: &str) {
        self.addresses.insert(name.to_owned(), address.to_owned());
        self.publish_one(name);
    }

    /// A phone has another address from now on, or is there; nobody is told.
    pub fn set(&mut self, name: &str, address: &str) {
        self.set_one(name, address);
        self.publish_list();
    }

    /// There is no such phone any more; nobody is told.
    pub fn remove(&mut self, name: &str) {
        self.addresses.remove(name);
        self.publish_one(name);
        self.publish_list();
    }

    /// The event that tells of one phone.
    pub fn tell(&self, name: &str) {
        self.server.emit(event("PeerStatus", &format!("Peer: {name}\r\n")));
    }

    /// The event that tells that anything may be another.
    pub fn tell_reload(&self) {
        self.server.emit(event("Reload", ""));
    }
}
