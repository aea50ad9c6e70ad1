//! How many requests somebody may make: each principal, where a limit is set, and each address that shows credentials which open nothing.
//! Asked by the edge of every route. A good credential is never refused for what others at its address try.

use std::{
    net::{IpAddr, Ipv6Addr},
    num::NonZeroU32,
    time::Duration,
};

use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use tokio_util::sync::CancellationToken;

use super::error::Problem;
use crate::{api::oauth::Guesses, domain::ids::PrincipalId};

/// Credentials that open nothing, from one address: so many at once, and one a second.
const FAILURES_AT_ONCE: NonZeroU32 = NonZeroU32::new(30).expect("it is not zero");
const FAILURES_PER_S: NonZeroU32 = NonZeroU32::new(1).expect("it is not zero");
/// How often those are forgotten who have long done nothing.
const FORGET_EVERY: Duration = Duration::from_secs(60);

/// The limits of one process.
pub struct Limits {
    by_principal: Option<DefaultKeyedRateLimiter<PrincipalId>>,
    failures: DefaultKeyedRateLimiter<IpAddr>,
    /// Wrong codes of devices.
    pub guesses: Guesses,
}

impl Limits {
    /// `requests_per_s` of each principal, twice as many at once; 0 is without limit.
    pub fn new(requests_per_s: u32) -> Self {
        let quota = |rate: NonZeroU32| Quota::per_second(rate).allow_burst(rate.saturating_add(rate.get()));
        let failures = RateLimiter::keyed(Quota::per_second(FAILURES_PER_S).allow_burst(FAILURES_AT_ONCE));
        Self {
            by_principal: NonZeroU32::new(requests_per_s).map(|rate| RateLimiter::keyed(quota(rate))),
            failures,
            guesses: Guesses::default(),
        }
    }

    /// A request of somebody who is known. Errors: `request.too_many`.
    pub fn request(&self, principal: PrincipalId) -> Result<(), Problem> {
        let Some(limit) = &self.by_principal else { return Ok(()) };
        let detail = "this is more than you may ask in a second here; BRAIN_REQUESTS_PER_S sets how much that is";
        limit.check_key(&principal).map_err(|_| Problem::new("request.too_many", detail))
    }

    /// A credential that opens nothing. Errors: `auth.too_many_failures`.
    pub fn failure(&self, address: Option<IpAddr>) -> Result<(), Problem> {
        let Some(address) = address.map(network) else { return Ok(()) };
        let detail = "too many credentials that open nothing have come from this address; come again in a while";
        self.failures.check_key(&address).map_err(|_| Problem::new("auth.too_many_failures", detail))
    }

    /// Forgets those who have done nothing for long, until told to stop: whoever has many addresses shall not fill our memory.
    pub async fn forget(&self, stop: CancellationToken) {
        while stop.run_until_cancelled(tokio::time::sleep(FORGET_EVERY)).await.is_some() {
            self.failures.retain_recent();
            if let Some(limit) = &self.by_principal {
                limit.retain_recent();
            }
        }
    }
}

/// An address as one asker: of the sixth version, who has one has all 2^64 of its network.
pub(in crate::api) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !(u128::MAX >> 64)).into(),
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_principal_may_ask_so_much_and_others_are_not_touched() {
        let (limits, one, other) = (Limits::new(5), PrincipalId(Uuid::from_u128(1)), PrincipalId(Uuid::from_u128(2)));
        let admitted = (0..50).filter(|_| limits.request(one).is_ok()).count();
        assert!((10..20).contains(&admitted), "{admitted}");
        assert!(limits.request(other).is_ok());
        let unlimited = Limits::new(0);
        assert!((0..10_000).all(|_| unlimited.request(one).is_ok()));
    }

    #[test]
    fn failures_are_counted_by_network() {
        let limits = Limits::new(0);
        let from = |text: &str| limits.failure(Some(text.parse().expect("an address"))).is_ok();
        let admitted = (0..100).filter(|_| from("2001:db8::1")).count();
        assert!((30..40).contains(&admitted), "{admitted}");
        assert!(!from("2001:db8::ffff:2") && from("2001:db8:0:1::1") && from("192.0.2.1"));
        assert!(limits.failure(None).is_ok());
    }
}
