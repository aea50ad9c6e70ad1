//! One asks, the others wait: equal questions that come together are answered once. Used by the caches only.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokio::sync::watch;

/// The questions that are being asked.
pub struct Flights<K, V>(Mutex<HashMap<K, watch::Receiver<Option<V>>>>);

/// What to do for an answer.
pub enum Ticket<'a, K: Eq + Hash, V> {
    /// Ask, and tell the others.
    Leader(Leader<'a, K, V>),
    /// Wait for the one who asks. The channel closes without an answer when that one gave up.
    Waiter(watch::Receiver<Option<V>>),
}

/// The one who asks. Whatever becomes of it, nobody waits for ever.
pub struct Leader<'a, K: Eq + Hash, V> {
    flights: &'a Flights<K, V>,
    key: K,
    tell: watch::Sender<Option<V>>,
}

impl<K, V> Default for Flights<K, V> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Eq + Hash + Clone, V: Clone> Flights<K, V> {
    pub fn join(&self, key: &K) -> Ticket<'_, K, V> {
        let mut flights = self.flights();
        if let Some(waiting) = flights.get(key) {
            return Ticket::Waiter(waiting.clone());
        }
        let (tell, told) = watch::channel(None);
        flights.insert(key.clone(), told);
        Ticket::Leader(Leader { flights: self, key: key.clone(), tell })
    }
}

impl<K, V> Flights<K, V> {
    fn flights(&self) -> MutexGuard<'_, HashMap<K, watch::Receiver<Option<V>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Eq + Hash, V> Leader<'_, K, V> {
    pub fn complete(self, answer: V) {
        self.tell.send_replace(Some(answer));
    }
}

impl<K: Eq + Hash, V> Drop for Leader<'_, K, V> {
    fn drop(&mut self) {
        self.flights.flights().remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_leads_and_whoever_waits_gets_the_answer_or_the_lead() {
        let flights: Flights<&str, u32> = Flights::default();
        let Ticket::Leader(leader) = flights.join(&"a") else { panic!("nobody asks yet") };
        let Ticket::Waiter(mut waiting) = flights.join(&"a") else { panic!("somebody asks") };
        assert!(matches!(flights.join(&"b"), Ticket::Leader(_)));
        leader.complete(7);
        assert_eq!(*waiting.wait_for(Option::is_some).await.expect("told"), Some(7));
        let Ticket::Leader(gives_up) = flights.join(&"a") else { panic!("the flight has ended") };
        let Ticket::Waiter(mut waiting) = flights.join(&"a") else { panic!("somebody asks") };
        drop(gives_up);
        assert!(waiting.wait_for(Option::is_some).await.is_err());
        assert!(matches!(flights.join(&"a"), Ticket::Leader(_)));
    }
}
