//! Whole numbers in a JSON text that no JSON reader here can keep: beyond 64 bits they are read as the nearest double, silently. Called where
//! a text comes in, before it is read, by the API and by the importers.

/// The first whole number that would not come back as it went in. Of a text that is no JSON it is some number or none.
pub fn first_inexact(json: &str) -> Option<&str> {
    let bytes = json.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'"' => at = after_string(bytes, at + 1),
            b'-' | b'0'..=b'9' => {
                let end = at + bytes[at..].iter().take_while(|byte| is_of_number(**byte)).count();
                let number = &json[at..end];
                if !is_kept(number) {
                    return Some(number);
                }
                at = end;
            }
            _ => at += 1,
        }
    }
    None
}

fn after_string(bytes: &[u8], mut at: usize) -> usize {
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    at
}

fn is_of_number(byte: u8) -> bool {
    matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9')
}

/// Decimals are doubles everywhere, and are kept as such.
fn is_kept(number: &str) -> bool {
    let is_whole = !number.contains(['.', 'e', 'E']);
    !is_whole
        || number.parse::<i64>().is_ok()
        || number.parse::<u64>().is_ok()
        || number.parse::<f64>().is_ok_and(|double| format!("{double:.0}") == number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_beyond_64_bits_are_found_unless_a_double_holds_them() {
        for kept in [
            r#"{"a": [18446744073709551615, -9223372036854775808, 0.1, 1e300, 12345678901234567890.5]}"#,
            r#"{"a": "123456789012345678901234567890", "b\"9": 1}"#,
            "10000000000000000000000",
            "",
            "\"",
            "\"\\",
        ] {
            assert_eq!(first_inexact(kept), None, "{kept}");
        }
        for (text, found) in [
            (r#"{"a": 123456789012345678901234567890}"#, "123456789012345678901234567890"),
            ("[1, -9223372036854775809]", "-9223372036854775809"),
            ("18446744073709551617", "18446744073709551617"),
        ] {
            assert_eq!(first_inexact(text), Some(found));
        }
    }
}
