//! Values that are secrets, as they may be shown: in `brain config` and in what is said of a value that is wrong.

use url::Url;

/// What stands in place of a secret.
pub const HIDDEN: &str = "***";
/// Parameters of a database's URL that hold a password.
const PASSWORDS: [&str; 2] = ["password", "sslpassword"];

/// A URL without its passwords. What is no URL may be a secret as a whole.
pub fn url(text: &str) -> String {
    let Ok(mut url) = Url::parse(text) else { return HIDDEN.to_owned() };
    if url.password().is_some() && url.set_password(Some(HIDDEN)).is_err() {
        return HIDDEN.to_owned();
    }
    let is_secret = |name: &str| PASSWORDS.iter().any(|known| name.eq_ignore_ascii_case(known));
    let pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    if pairs.iter().any(|(name, _)| is_secret(name)) {
        let masked =
            pairs.into_iter().map(|(name, value)| if is_secret(&name) { (name, HIDDEN.to_owned()) } else { (name, value) });
        url.query_pairs_mut().clear().extend_pairs(masked);
    }
    url.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_shown_nowhere_in_a_url() {
        for (given, shown) in [
            ("nats://brain:hunter2@nats:4222", "nats://brain:***@nats:4222"),
            ("nats://nats:4222", "nats://nats:4222"),
            ("postgres://b:hunter2@db/brain?sslmode=require", "postgres://b:***@db/brain?sslmode=require"),
            ("postgres://db/brain?user=b&password=hunter2", "postgres://db/brain?user=b&password=***"),
            ("hunter2", "***"),
            ("nats://brain:hunter2@:::", "***"),
        ] {
            assert_eq!(url(given), shown);
        }
    }
}
