//! A person's session in a browser: who, since when, and until when it holds. Its secret is known here by nobody.
//! Called by `app::sessions`, which keeps them, and by the surfaces that look one up.

use chrono::TimeDelta;
use uuid::Uuid;

use super::ids::{PrincipalId, Timestamp};

/// How long sessions hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Without a request, in seconds.
    pub idle_s: u32,
    /// Whatever happens, in seconds.
    pub max_s: u32,
}

/// Eight hours of silence, thirty days in all.
impl Default for Limits {
    fn default() -> Self {
        Self { idle_s: 8 * 3_600, max_s: 30 * 86_400 }
    }
}

/// By what a session was opened, so that the same hand can end it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A login at a provider.
    Provider {
        /// As the settings call it.
        provider: String,
        issuer: String,
        subject: String,
        /// The provider's own session.
        session: Option<String>,
    },
    /// A passkey of the person's own.
    Passkey {
        /// As its principal has it.
        id: String,
    },
    /// A link that the machine itself has made.
    Link,
}

/// One session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Its public name; opens nothing.
    pub id: Uuid,
    pub principal: PrincipalId,
    pub origin: Origin,
    pub created_at: Timestamp,
    /// The newest request, to within some minutes.
    pub seen_at: Timestamp,
    /// The browser as it calls itself, and where it came from: for its owner to recognise.
    pub agent: String,
    pub address: String,
}

impl Session {
    /// When it is over if nothing more is asked in it.
    pub fn ends_at(&self, limits: Limits) -> Timestamp {
        let silent = self.seen_at + TimeDelta::seconds(limits.idle_s.into());
        let at_last = self.created_at + TimeDelta::seconds(limits.max_s.into());
        silent.min(at_last)
    }

    pub fn holds_at(&self, now: Timestamp, limits: Limits) -> bool {
        now < self.ends_at(limits)
    }

    /// Whether it is time to write down that somebody is there: not with every request, and well before the silence would end it.
    pub fn is_worth_seeing(&self, now: Timestamp, limits: Limits) -> bool {
        now - self.seen_at >= TimeDelta::seconds(i64::from(limits.idle_s / 16).clamp(1, 300))
    }

    /// Whether it came from this issuer, by its session there, or by its subject where no session is named or known.
    pub fn is_of(&self, whose: &str, subject: Option<&str>, provider_session: Option<&str>) -> bool {
        let Origin::Provider { issuer, subject: own, session, .. } = &self.origin else { return false };
        issuer == whose
            && match provider_session {
                Some(named) => session.as_deref() == Some(named),
                None => subject == Some(own.as_str()),
            }
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;

    fn session(seen_s: i64) -> Session {
        let at = |seconds| DateTime::from_timestamp(seconds, 0).expect("a time");
        Session {
            id: Uuid::nil(),
            principal: PrincipalId(Uuid::nil()),
            origin: Origin::Provider {
                provider: "home".into(),
                issuer: "i".into(),
                subject: "ann".into(),
                session: Some("s".into()),
            },
            created_at: at(0),
            seen_at: at(seen_s),
            agent: String::new(),
            address: String::new(),
        }
    }

    #[test]
    fn silence_ends_a_session_and_so_does_its_age() {
        let limits = Limits { idle_s: 100, max_s: 250 };
        let holds = |seen, now| session(seen).holds_at(DateTime::from_timestamp(now, 0).expect("a time"), limits);
        assert!(holds(0, 99) && !holds(0, 100) && holds(90, 189) && !holds(90, 190) && holds(200, 249) && !holds(240, 250));
        let seen = |now| session(0).is_worth_seeing(DateTime::from_timestamp(now, 0).expect("a time"), limits);
        assert!(!seen(5) && seen(6));
    }

    #[test]
    fn a_provider_ends_its_own_sessions_only() {
        let it = session(0);
        assert!(it.is_of("i", None, Some("s")) && it.is_of("i", Some("ann"), None) && it.is_of("i", Some("eve"), Some("s")));
        assert!(!it.is_of("j", Some("ann"), Some("s")) && !it.is_of("i", Some("ann"), Some("t")) && !it.is_of("i", None, None));
        assert!(!Session { origin: Origin::Link, ..it }.is_of("i", Some("ann"), None));
    }
}
