//! All SIP peers of a server, by name. A reader gets its own list of them, so that an answer that is
//! still being sent holds nobody up and shows each peer as it was when the answer began.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use super::peer::{Origin, Peer, Text};

/// A name in the order of `sip show peers`: case does not count, except between names that are otherwise
/// equal.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Name(Text);

impl Ord for Name {
    fn cmp(&self, other: &Self) -> Ordering {
        let left = self.0.iter().map(u8::to_ascii_lowercase);
        let right = other.0.iter().map(u8::to_ascii_lowercase);
        left.cmp(right).then_with(|| self.0.cmp(&other.0))
    }
}

impl PartialOrd for Name {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[derive(Default)]
struct Table {
    /// Each peer with its place in the order of configuration.
    peers: BTreeMap<Name, (u64, Arc<Peer>)>,
    next_place: u64,
}

/// The SIP peers of a server, in memory and in its database.
#[derive(Default)]
pub(super) struct Peers(RwLock<Table>);

impl Peers {
    /// Adds a peer, or puts it in the place of the one with its name.
    pub(super) fn add(&self, peer: Peer) {
        let mut table = self.write();
        let place = table.next_place;
        table.next_place += 1;
        let entry = table.peers.entry(Name(peer.name.clone()));
        let peer = Arc::new(peer);
        entry.and_modify(|(_, known)| *known = Arc::clone(&peer)).or_insert((place, peer));
    }

    /// Removes a peer; says whether there was one.
    pub(super) fn remove(&self, name: &[u8]) -> bool {
        self.write().peers.remove(&Name(name.into())).is_some()
    }

    /// The peer of that name that is in memory.
    pub(super) fn get(&self, name: &[u8]) -> Option<Arc<Peer>> {
        let table = self.read();
        let (_, peer) = table.peers.get(&Name(name.into()))?;
        peer.is_loaded().then(|| Arc::clone(peer))
    }

    /// Changes the peer of that name that is in memory; gives what `change` gives.
    pub(super) fn change<T>(&self, name: &[u8], change: impl FnOnce(&mut Peer) -> T) -> Option<T> {
        let mut table = self.write();
        let (_, peer) = table.peers.get_mut(&Name(name.into()))?;
        peer.is_loaded().then(|| change(Arc::make_mut(peer)))
    }

    /// Brings a peer from the database into memory, if there is one of that name.
    pub(super) fn load(&self, name: &[u8]) {
        if let Some((_, peer)) = self.write().peers.get_mut(&Name(name.into()))
            && !peer.is_loaded()
        {
            Arc::make_mut(peer).origin = Origin::Database { loaded: true };
        }
    }

    /// The peers in memory that pass, sorted by name.
    pub(super) fn sorted(&self, pass: impl Fn(&Peer) -> bool) -> Vec<Arc<Peer>> {
        let table = self.read();
        let peers = table.peers.values().map(|(_, peer)| peer);
        peers.filter(|peer| peer.is_loaded() && pass(peer)).cloned().collect()
    }

    /// The peers that pass, in memory or not, in the order of configuration.
    pub(super) fn configured(&self, pass: impl Fn(&Peer) -> bool) -> Vec<Arc<Peer>> {
        let mut peers: Vec<_> = self.read().peers.values().filter(|(_, peer)| pass(peer)).cloned().collect();
        peers.sort_unstable_by_key(|(place, _)| *place);
        peers.into_iter().map(|(_, peer)| peer).collect()
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, Table> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, Table> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}
