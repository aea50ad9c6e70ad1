//! Cookies of this server: one for a session, one for each attempt to log in, one for the question for a passkey. Called by [`super::session`] and by the login's handlers.
//! Never written into a log.
//!
//! All are `HttpOnly`, for the whole server, and `Lax`: a `Strict` one does not come along when a provider sends a browser back. Over https
//! their names begin with `__Host-`, so that no neighbouring host can set them; on this machine, over http, some browsers refuse such names.

use actix_web::http::header::{self, HeaderMap, HeaderValue};

const SESSION: &str = "brain";
/// Before the name of an attempt: several tabs may log in at once.
const ATTEMPT: &str = "brain-login-";
/// Characters of the state in the name.
const NAMED_CHARS: usize = 6;
/// Between the question for a passkey and its answer; one at a time, as authenticators ask.
const CEREMONY: &str = "brain-passkey";
const ONLY_HERE: &str = "__Host-";

/// The name of the session's cookie.
pub fn session_name(is_secure: bool) -> String {
    named(SESSION, is_secure)
}

/// The name of a ceremony's cookie.
pub fn ceremony_name(is_secure: bool) -> String {
    named(CEREMONY, is_secure)
}

/// The name of an attempt's cookie; `None` if this is no state of ours.
pub fn attempt_name(state: &str, is_secure: bool) -> Option<String> {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    let start = state.get(..NAMED_CHARS).filter(|start| start.bytes().all(is_word))?;
    Some(named(&format!("{ATTEMPT}{start}"), is_secure))
}

fn named(name: &str, is_secure: bool) -> String {
    if is_secure { format!("{ONLY_HERE}{name}") } else { name.to_owned() }
}

/// The value of a cookie. One that comes twice was set by two, one of whom is not us, and is none.
pub fn find<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let lines = headers.get_all(header::COOKIE).filter_map(|line| line.to_str().ok());
    let mut values = lines.flat_map(|line| line.split(';')).filter_map(|pair| {
        let (key, value) = pair.trim().split_once('=')?;
        (key == name).then_some(value)
    });
    let value = values.next().filter(|value| !value.is_empty())?;
    values.next().is_none().then_some(value)
}

/// The header that sets a cookie for so many seconds; 0 takes it away. `value` is of our own making: base64url and dots.
pub fn set((name, value): (&str, &str), max_age_s: u32, is_secure: bool) -> HeaderValue {
    let secure = if is_secure { "; Secure" } else { "" };
    let line = format!("{name}={value}; Path=/; Max-Age={max_age_s}; HttpOnly; SameSite=Lax{secure}");
    HeaderValue::from_str(&line).expect("letters, digits and a few signs")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_found_once_and_set_for_this_host_alone() {
        let headers = |lines: &[&'static str]| {
            let mut headers = HeaderMap::new();
            lines.iter().for_each(|line| headers.append(header::COOKIE, HeaderValue::from_static(line)));
            headers
        };
        for (lines, found) in [
            (&[][..], None),
            (&["brain=a.b"], Some("a.b")),
            (&["x=1; brain=a;y=2"], Some("a")),
            (&["x=1", "brain=a"], Some("a")),
            (&["brain=a; brain=b"], None),
            (&["brain=a", "brain=a"], None),
            (&["brain="], None),
            (&["Brain=a", "brainy=b", "__Host-brain=c"], None),
        ] {
            assert_eq!(find(&headers(lines), "brain"), found, "{lines:?}");
        }
        assert_eq!(set(("__Host-brain", "a"), 60, true), "__Host-brain=a; Path=/; Max-Age=60; HttpOnly; SameSite=Lax; Secure");
        assert_eq!(set(("brain", ""), 0, false), "brain=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax");
        assert_eq!((session_name(true), session_name(false)), ("__Host-brain".into(), "brain".into()));
        assert_eq!(attempt_name("abc-_1XYZ", true).as_deref(), Some("__Host-brain-login-abc-_1"));
        assert!(attempt_name("abc", false).is_none() && attempt_name("a;c=1;d", false).is_none());
    }
}
