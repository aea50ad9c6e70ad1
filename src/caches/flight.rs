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
pub enum Seat<'a, K: Eq + Hash, V> {
    /// Ask, and tell the others.
    Lead(Lead<'a, K, V>),
    /// Wait for the one who asks. The channel closes without an answer when that one gave up.
    Follow(watch::Receiver<Option<V>>),
}

/// The one who asks. Whatever becomes of it, nobody waits for ever.
pub struct Lead<'a, K: Eq + Hash, V> {
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
    pub fn board(&self, key: &K) -> Seat<'_, K, V> {
        let mut flights = self.flights();
        if let Some(waiting) = flights.get(key) {
            return Seat::Follow(waiting.clone());
        }
        let (tell, told) = watch::channel(None);
        flights.insert(key.clone(), told);
        Seat::Lead(Lead { flights: self, key: key.clone(), tell })
    }
}

impl<K, V> Flights<K, V> {
    fn flights(&self) -> MutexGuard<'_, HashMap<K, watch::Receiver<Option<V>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Eq + Hash, V> Lead<'_, K, V> {
    pub fn land(self, answer: V) {
        self.tell.send_replace(Some(answer));
    }
}

impl<K: Eq + Hash, V> Drop for Lead<'_, K, V> {
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
        let Seat::Lead(lead) = flights.board(&"a") else { panic!("nobody asks yet") };
        let Seat::Follow(mut waiting) = flights.board(&"a") else { panic!("somebody asks") };
        assert!(matches!(flights.board(&"b"), Seat::Lead(_)));
        lead.land(7);
        assert_eq!(*waiting.wait_for(Option::is_some).await.expect("told"), Some(7));
        let Seat::Lead(gives_up) = flights.board(&"a") else { panic!("the flight has ended") };
        let Seat::Follow(mut waiting) = flights.board(&"a") else { panic!("somebody asks") };
        drop(gives_up);
        assert!(waiting.wait_for(Option::is_some).await.is_err());
        assert!(matches!(flights.board(&"a"), Seat::Lead(_)));
    }
}
