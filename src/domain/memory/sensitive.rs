//! Which memories are sensitive: by flag, by space, or because something in them looks like a secret. Pure; called by the decider.
//!
//! The detector finds what has a check of its own or an unmistakable form: payment cards (ISO/IEC 7812, Luhn), IBANs (ISO 13616, mod 97),
//! private keys in PEM, and the keys of services that begin with a prefix of their own. It knows no names and no addresses.

use serde_json::Value;

use super::{Body, Rejection};

/// What an instance, a space and a caller say of sensitive memories.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sealing {
    /// Whether the instance seals at all.
    pub is_possible: bool,
    /// Whether all memories of the space are sensitive.
    pub everything: bool,
    /// Whether it is looked for secrets.
    pub detects: bool,
    /// Whether the caller may make a sensitive memory readable for the index again.
    pub may_lift: bool,
}

/// The field of metadata by which the specification marks a sensitive memory (§5.2).
pub const METADATA_FLAG: &str = "sensitive";

/// Whether a memory is sensitive after a change; `wish` is what the client says, `was` how it was before.
/// Errors: [`Rejection::StaysSensitive`], [`Rejection::SealingOff`].
pub fn decide(wish: Option<bool>, was: bool, body: &Body, sealing: Sealing) -> Result<bool, Rejection> {
    let is_marked = body.metadata.get(METADATA_FLAG) == Some(&Value::Bool(true));
    let wish = wish.or(is_marked.then_some(true));
    let sensitive = match wish {
        Some(true) => true,
        _ if was || sealing.everything || (sealing.detects && finds_secret(body)) => {
            if wish == Some(false) && !sealing.may_lift {
                return Err(Rejection::StaysSensitive);
            }
            wish.is_none()
        }
        _ => false,
    };
    if sensitive && !sealing.is_possible {
        return Err(Rejection::SealingOff);
    }
    Ok(sensitive)
}

/// Whether anything that the memory says looks like a secret.
pub fn finds_secret(body: &Body) -> bool {
    let title = body.title.as_deref().unwrap_or_default();
    looks_secret(title) || looks_secret(&body.content) || body.metadata.values().any(holds_secret)
}

fn holds_secret(value: &Value) -> bool {
    match value {
        Value::String(text) => looks_secret(text),
        // A card's number may stand there as one.
        Value::Number(number) => looks_secret(&number.to_string()),
        Value::Array(items) => items.iter().any(holds_secret),
        Value::Object(fields) => fields.values().any(holds_secret),
        _ => false,
    }
}

fn looks_secret(text: &str) -> bool {
    has_key(text) || has_card(text) || has_iban(text)
}

/// What keys of services begin with, and how many letters come after it at least.
const KEY_PREFIXES: [(&str, usize); 20] = [
    ("AKIA", 16),
    ("ASIA", 16),
    ("AIza", 35),
    ("ghp_", 36),
    ("gho_", 36),
    ("ghs_", 36),
    ("github_pat_", 36),
    ("glpat-", 20),
    ("xoxb-", 20),
    ("xoxp-", 20),
    ("sk-", 32),
    ("sk_live_", 24),
    ("rk_live_", 24),
    ("hf_", 30),
    ("npm_", 36),
    ("pypi-", 50),
    ("sbk_", 32),
    ("whsec_", 24),
    ("AGE-SECRET-KEY-1", 58),
    ("hvs.", 24),
];

fn has_key(text: &str) -> bool {
    if text.contains("-----BEGIN ") && text.contains("PRIVATE KEY-----") {
        return true;
    }
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-' | '.');
    text.split(|letter| !is_part(letter)).any(|word| {
        let is_long = |(prefix, least): &(&str, usize)| word.strip_prefix(prefix).is_some_and(|rest| rest.len() >= *least);
        KEY_PREFIXES.iter().any(is_long)
    })
}

/// 13 to 19 digits, which may stand in groups, whose last is the check digit and whose first is one that payment cards have.
fn has_card(text: &str) -> bool {
    let (mut digits, mut has_gap) = (Vec::new(), false);
    let is_card = |digits: &[u8]| (13..=19).contains(&digits.len()) && matches!(digits[0], 2..=6) && luhn(digits);
    for letter in text.chars() {
        match letter.to_digit(10) {
            Some(digit) => {
                digits.push(digit as u8);
                has_gap = false;
            }
            // One space or dash between groups; two of them end a number.
            None if matches!(letter, ' ' | '-' | '\u{a0}') && !digits.is_empty() && !has_gap => has_gap = true,
            None => {
                if is_card(&digits) {
                    return true;
                }
                digits.clear();
                has_gap = false;
            }
        }
    }
    is_card(&digits)
}

/// Source: ISO/IEC 7812-1, annex B.
fn luhn(digits: &[u8]) -> bool {
    let doubled = |digit: u8| if digit > 4 { digit * 2 - 9 } else { digit * 2 };
    let each = digits.iter().rev().enumerate().map(|(index, digit)| if index % 2 == 1 { doubled(*digit) } else { *digit });
    each.map(u32::from).sum::<u32>() % 10 == 0
}

/// Two letters, two digits and 11 to 30 letters or digits, which may stand in groups of four, whose remainder by 97 is 1.
fn has_iban(text: &str) -> bool {
    let letters: Vec<char> = text.chars().collect();
    let starts = (0..letters.len()).filter(|at| {
        let is_start = *at == 0 || !letters[at - 1].is_ascii_alphanumeric();
        let head = letters.get(*at..at + 4).unwrap_or_default();
        is_start
            && matches!(head, [a, b, c, d] if a.is_ascii_uppercase() && b.is_ascii_uppercase() && c.is_ascii_digit() && d.is_ascii_digit())
    });
    starts.into_iter().any(|at| is_iban(&letters[at..]))
}

fn is_iban(letters: &[char]) -> bool {
    let mut found = Vec::with_capacity(34);
    let mut rest = letters.iter().peekable();
    while let Some(letter) = rest.next() {
        match letter {
            ' ' | '\u{a0}' if found.len() % 4 == 0 && rest.peek().is_some_and(|next| next.is_ascii_alphanumeric()) => {}
            _ if letter.is_ascii_digit() || letter.is_ascii_uppercase() => found.push(*letter),
            _ => break,
        }
        if found.len() > 34 {
            break;
        }
    }
    // Words may follow its last group: every length is tried.
    (15..=found.len().min(34)).any(|len| remainder(&found[..len]) == 1)
}

/// Source: ISO 13616, with ISO 7064 MOD 97-10.
fn remainder(letters: &[char]) -> u32 {
    let turned = letters[4..].iter().chain(&letters[..4]);
    turned.filter_map(|letter| letter.to_digit(36)).fold(0, |sum, digit| (sum * if digit > 9 { 100 } else { 10 } + digit) % 97)
}

#[cfg(test)]
mod tests {
    use super::{super::Draft, *};

    fn body(content: &str) -> Body {
        Draft { content: content.into(), ..Draft::default() }.validate().unwrap()
    }

    #[test]
    fn secrets_are_found_and_what_is_like_them_is_not() {
        let secrets = [
            "pay with 4111 1111 1111 1111 please",
            "4111111111111111",
            "3782-822463-10005",
            "konto DE89 3704 0044 0532 0130 00 bei der Bank",
            "GB82WEST12345698765432",
            "NO93 8601 1117 947",
            "key=AKIAIOSFODNN7EXAMPLE",
            "token ghp_abcdefghijklmnopqrstuvwxyz0123456789",
            "-----BEGIN OPENSSH PRIVATE KEY-----\nabc",
            "卡号 6011111111111117。",
        ];
        for text in secrets {
            assert!(finds_secret(&body(text)), "{text}");
        }
        let others = [
            "tea at four",
            "call +49 30 1234567 89",
            "4111 1111 1111 1112",
            "1234567890123",
            "isbn 978-3-16-148410-0",
            "DE89 3704 0044 0532 0130 01",
            "sk-learn is a library",
            "the word AKIA alone",
            "0190f3d2-0000-7000-8000-000000000001",
            "2026-11-28 14:03:22",
            "",
        ];
        for text in others.into_iter().filter(|text| !text.is_empty()) {
            assert!(!finds_secret(&body(text)), "{text}");
        }
        let mut hidden = body("tea");
        hidden.metadata.insert("card".into(), serde_json::json!({"deep": [4111111111111111_u64]}));
        assert!(finds_secret(&hidden));
    }

    #[test]
    fn flag_space_and_detector_make_sensitive_and_only_an_owner_lifts_it() {
        let can = Sealing { is_possible: true, ..Sealing::default() };
        let (plain, card) = (body("tea"), body("4111111111111111"));
        assert_eq!(decide(None, false, &plain, can), Ok(false));
        assert_eq!(decide(Some(true), false, &plain, can), Ok(true));
        assert_eq!(decide(None, true, &plain, can), Ok(true));
        assert_eq!(decide(None, false, &plain, Sealing { everything: true, ..can }), Ok(true));
        assert_eq!(decide(None, false, &card, can), Ok(false));
        assert_eq!(decide(None, false, &card, Sealing { detects: true, ..can }), Ok(true));
        assert_eq!(decide(Some(false), true, &plain, can), Err(Rejection::StaysSensitive));
        assert_eq!(decide(Some(false), false, &card, Sealing { detects: true, ..can }), Err(Rejection::StaysSensitive));
        assert_eq!(decide(Some(false), true, &plain, Sealing { may_lift: true, ..can }), Ok(false));
        assert_eq!(decide(Some(false), false, &plain, can), Ok(false));
        assert_eq!(decide(Some(true), false, &plain, Sealing::default()), Err(Rejection::SealingOff));
        let mut marked = body("tea");
        marked.metadata.insert(METADATA_FLAG.into(), true.into());
        assert_eq!(decide(None, false, &marked, can), Ok(true));
    }
}
