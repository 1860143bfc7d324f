//! How many connections are open at a time, and which one gives way to the next.
//!
//! A peer that connects and sends nothing, sends slowly or does not read costs the daemon a place. So that no
//! number of such peers keeps others out, a new connection never waits for a place: where all are taken, the
//! connection that has waited longest for its peer is closed. It is taken from the user with the most
//! connections, so that users cannot push each other out. A request that is being carried out is never
//! interrupted.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use nix::unistd::Uid;
use tokio::sync::Notify;

/// The places of one kind of peer.
#[derive(Debug)]
pub(super) struct ConnectionPlaces {
    /// The most connections at a time.
    capacity: usize,
    taken: Mutex<TakenPlaces>,
}

#[derive(Debug, Default)]
struct TakenPlaces {
    /// Counts the changes: a smaller number is an earlier one.
    ticks: u64,
    connections: HashMap<u64, OpenConnection>,
}

#[derive(Debug)]
struct OpenConnection {
    user: Option<Uid>,
    /// Since when the daemon waits for the peer; none while a request is being carried out.
    waiting_since: Option<u64>,
    closed: Arc<Notify>,
}

/// The place of a connection, which it leaves when this is dropped.
#[derive(Debug)]
pub(super) struct ConnectionPlace {
    places: Arc<ConnectionPlaces>,
    number: u64,
    closed: Arc<Notify>,
}

impl ConnectionPlaces {
    pub(super) fn new(capacity: usize) -> Arc<Self> {
        Arc::new(Self { capacity, taken: Mutex::default() })
    }

    /// Takes a place for a connection of this user, closing another connection where there is none. Returns
    /// none if every connection is carrying out a request, or all that may give way are those of users with fewer.
    pub(super) fn take(self: &Arc<Self>, user: Option<Uid>) -> Option<ConnectionPlace> {
        let mut taken = self.lock();
        while taken.connections.len() >= self.capacity {
            let victim = taken.victim(user)?;
            if let Some(connection) = taken.connections.remove(&victim) {
                connection.closed.notify_one();
            }
        }
        let (number, closed) = (taken.tick(), Arc::new(Notify::new()));
        let connection = OpenConnection { user, waiting_since: Some(number), closed: closed.clone() };
        taken.connections.insert(number, connection);
        Some(ConnectionPlace { places: self.clone(), number, closed })
    }

    fn lock(&self) -> MutexGuard<'_, TakenPlaces> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl TakenPlaces {
    fn tick(&mut self) -> u64 {
        self.ticks += 1;
        self.ticks
    }

    /// The connection that gives way to one of `user`: of the user with the most connections, the one that
    /// has waited longest for its peer.
    fn victim(&self, user: Option<Uid>) -> Option<u64> {
        let mut counts = HashMap::from([(user, 1_usize)]);
        for connection in self.connections.values() {
            *counts.entry(connection.user).or_default() += 1;
        }
        let own = counts.get(&user).copied().unwrap_or_default();
        let waiting = self.connections.iter().filter_map(|(&number, connection)| {
            let count = counts.get(&connection.user).copied().unwrap_or_default();
            // A user whose requests take all the other places does not push out somebody with fewer.
            let gives_way = count >= own || connection.user == user;
            gives_way.then_some((std::cmp::Reverse(count), connection.waiting_since?, number))
        });
        waiting.min().map(|(_, _, number)| number)
    }
}

impl ConnectionPlace {
    /// Marks the connection as carrying out a request. Returns whether it still has its place.
    pub(super) fn begin_request(&self) -> bool {
        let mut taken = self.places.lock();
        let connection = taken.connections.get_mut(&self.number);
        connection.map(|connection| connection.waiting_since = None).is_some()
    }

    /// Marks the connection as waiting for its peer again, which has its response to read.
    pub(super) fn end_request(&self) {
        let mut taken = self.places.lock();
        let now = taken.tick();
        if let Some(connection) = taken.connections.get_mut(&self.number) {
            connection.waiting_since = Some(now);
        }
    }

    /// Waits until the connection has to give way to another.
    pub(super) async fn closed(&self) {
        self.closed.notified().await;
    }
}

impl Drop for ConnectionPlace {
    fn drop(&mut self) {
        self.places.lock().connections.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(number: u32) -> Option<Uid> {
        Some(Uid::from_raw(number))
    }

    fn is_closed(place: &ConnectionPlace) -> bool {
        !place.places.lock().connections.contains_key(&place.number)
    }

    #[tokio::test]
    async fn oldest_waiting_connection_gives_way() {
        let places = ConnectionPlaces::new(3);
        let open: Vec<_> = (0..3).map(|_| places.take(user(1)).unwrap()).collect();
        // The first carries out a request; the second has carried out one, and has not read the response.
        assert!(open[0].begin_request() && open[1].begin_request());
        open[1].end_request();
        let next = places.take(user(1)).unwrap();
        open[2].closed().await;
        assert!(is_closed(&open[2]) && !is_closed(&open[0]) && !is_closed(&open[1]));
        let _after = places.take(user(1)).unwrap();
        assert!(is_closed(&open[1]) && !is_closed(&next));
        assert!(!open[1].begin_request(), "a closed connection carries out nothing");
    }

    #[test]
    fn request_is_not_interrupted() {
        let places = ConnectionPlaces::new(2);
        let open = [places.take(user(1)).unwrap(), places.take(user(1)).unwrap()];
        assert!(open.iter().all(ConnectionPlace::begin_request));
        assert!(places.take(user(1)).is_none());
        open[0].end_request();
        assert!(places.take(user(1)).is_some());
    }

    #[test]
    fn busy_user_does_not_push_out_another() {
        let places = ConnectionPlaces::new(4);
        let other = places.take(user(2)).unwrap();
        let busy: Vec<_> = (0..3).map(|_| places.take(user(1)).unwrap()).collect();
        assert!(busy.iter().all(ConnectionPlace::begin_request));
        assert!(places.take(user(1)).is_none(), "all of its own are busy");
        assert!(!is_closed(&other));
        assert!(places.take(user(2)).is_some(), "its own connection gives way");
    }

    #[test]
    fn user_with_most_connections_gives_way() {
        let places = ConnectionPlaces::new(8);
        let few: Vec<_> = (0..3).map(|_| places.take(user(1)).unwrap()).collect();
        let many: Vec<_> = (0..400).map(|_| places.take(user(2)).unwrap()).collect();
        assert!(!few.iter().any(is_closed), "another user's connections stay");
        assert_eq!(many.iter().filter(|place| !is_closed(place)).count(), 5);
        let next = places.take(user(3)).unwrap();
        assert!(!few.iter().any(is_closed) && !is_closed(&next));
    }

    #[test]
    fn place_is_free_once_its_connection_has_ended() {
        let places = ConnectionPlaces::new(1);
        for _ in 0..3 {
            let place = places.take(None).unwrap();
            assert!(place.begin_request());
        }
    }
}
