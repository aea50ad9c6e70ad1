//! When a delivery is tried again, and what an answer means for it. Called by the deliverer; knows no clock.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Pauses before the attempts 1 to 10 (Standard Webhooks 1.0.0, "Deliverability and reliability"): three days and three hours in all.
const SCHEDULE_S: [f64; 10] = [
    0.0,
    5.0,
    5.0 * 60.0,
    30.0 * 60.0,
    2.0 * 3_600.0,
    5.0 * 3_600.0,
    10.0 * 3_600.0,
    14.0 * 3_600.0,
    20.0 * 3_600.0,
    24.0 * 3_600.0,
];
/// A pause grows by up to this share at random, and never shrinks.
const JITTER: f64 = 0.1;
/// Longest pause, also where the endpoint asks for more.
const PAUSE_S_MAX: f64 = 24.0 * 3_600.0;

pub const MAX_RETRIES_MAX: u32 = 20;
pub const BASE_DELAY_S_MIN: f64 = 0.1;
pub const BASE_DELAY_S_MAX: f64 = 3_600.0;
pub const TIMEOUT_S_MIN: f64 = 1.0;
pub const TIMEOUT_S_MAX: f64 = 30.0;
pub const TIMEOUT_S_DEFAULT: f64 = 15.0;

/// How an endpoint wants to be tried again; what is absent follows the schedule of ten attempts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Retry {
    /// Attempts after the first one.
    pub max_retries: Option<u32>,
    /// Pause before the second attempt in seconds; doubles from one to the next.
    pub base_delay_s: Option<f64>,
    /// How long one attempt may take.
    pub timeout_s: Option<f64>,
}

impl Retry {
    /// Where this says nothing, what the defaults say.
    pub fn or(self, defaults: &Self) -> Self {
        Self {
            max_retries: self.max_retries.or(defaults.max_retries),
            base_delay_s: self.base_delay_s.or(defaults.base_delay_s),
            timeout_s: self.timeout_s.or(defaults.timeout_s),
        }
    }

    pub fn timeout(&self) -> Duration {
        Duration::from_secs_f64(self.timeout_s.unwrap_or(TIMEOUT_S_DEFAULT))
    }

    fn attempts(&self) -> u32 {
        self.max_retries.map_or(SCHEDULE_S.len() as u32, |retries| retries + 1)
    }

    /// The pause after the attempt with this number (from 1) has failed; `None` when it was the last one.
    /// `asked` is what the endpoint wants at least (Retry-After); `luck` is from 0 to 1.
    pub fn pause_after(&self, attempt: u32, asked: Option<Duration>, luck: f64) -> Option<Duration> {
        if attempt >= self.attempts() {
            return None;
        }
        let step = match self.base_delay_s {
            Some(base) => base * 2f64.powi(attempt.min(30) as i32 - 1),
            None => SCHEDULE_S[(attempt as usize).min(SCHEDULE_S.len() - 1)],
        };
        let pause = step.max(asked.map_or(0.0, |asked| asked.as_secs_f64()));
        // A hint is a floor: what comes on top only delays.
        Some(Duration::from_secs_f64(pause.min(PAUSE_S_MAX) * (1.0 + JITTER * luck)))
    }
}

/// What an answer's status means for a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Delivered,
    /// Worth trying again; so is no answer at all.
    Retry,
    /// The endpoint will never take it.
    Failed,
    /// The endpoint is gone for good.
    Gone,
}

impl Verdict {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Retry => "retry",
            Self::Failed => "failed",
            Self::Gone => "gone",
        }
    }
}

/// 2xx alone is success; 4xx will not get better, but for those that say "later" (408, 409, 425, 429); a redirect is a mistake of
/// configuration that may be mended.
pub fn verdict(status: u16) -> Verdict {
    match status {
        200..=299 => Verdict::Delivered,
        410 => Verdict::Gone,
        408 | 409 | 425 | 429 => Verdict::Retry,
        400..=499 => Verdict::Failed,
        _ => Verdict::Retry,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(retry: &Retry, luck: f64) -> Vec<f64> {
        (1..).map_while(|attempt| retry.pause_after(attempt, None, luck)).map(|pause| pause.as_secs_f64()).collect()
    }

    #[test]
    fn ten_attempts_over_three_days_and_chance_only_delays() {
        let pauses = seconds(&Retry::default(), 0.0);
        assert_eq!(pauses.len(), 9);
        let hours = pauses.iter().sum::<f64>() / 3_600.0;
        assert!((75.0..76.0).contains(&hours), "{hours}");
        assert!(seconds(&Retry::default(), 1.0).iter().zip(&pauses).all(|(late, early)| late > early));
    }

    #[test]
    fn an_endpoint_may_want_another_schedule() {
        let retry = Retry { max_retries: Some(3), base_delay_s: Some(2.0), timeout_s: None };
        assert_eq!(seconds(&retry, 0.0), [2.0, 4.0, 8.0]);
        assert_eq!(seconds(&Retry { max_retries: Some(0), ..Retry::default() }, 0.0), [] as [f64; 0]);
    }

    #[test]
    fn what_an_endpoint_says_goes_before_the_defaults() {
        let said = Retry { max_retries: Some(0), ..Retry::default() };
        let defaults = Retry { max_retries: Some(3), base_delay_s: None, timeout_s: Some(2.0) };
        assert_eq!(said.or(&defaults), Retry { max_retries: Some(0), base_delay_s: None, timeout_s: Some(2.0) });
    }

    #[test]
    fn a_hint_is_never_undercut_and_is_bounded() {
        let retry = Retry::default();
        let hinted = |s| retry.pause_after(1, Some(Duration::from_secs(s)), 0.0).unwrap().as_secs();
        assert_eq!((hinted(3), hinted(120), hinted(999_999)), (5, 120, 86_400));
    }

    #[test]
    fn verdicts() {
        let of = |statuses: &[u16]| statuses.iter().map(|status| verdict(*status)).collect::<Vec<_>>();
        assert_eq!(of(&[200, 204]), [Verdict::Delivered; 2]);
        assert_eq!(of(&[408, 409, 425, 429, 500, 503, 302, 101]), [Verdict::Retry; 8]);
        assert_eq!(of(&[400, 401, 404, 422]), [Verdict::Failed; 4]);
        assert_eq!(verdict(410), Verdict::Gone);
    }
}
