//! The words that names of programs are made of: `getUserProfileById`, `HTTPServer`, `utf8`. Pure; used by the analysis alone.

use super::scripts::is_arabic;

/// Most humps of a name; what has more is no name but base64.
const HUMPS_MAX: usize = 12;
/// Joins the parts of a Persian word without a space.
const NON_JOINER: char = '\u{200C}';

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Lower,
    Upper,
    Number,
}

fn kind_of(c: char) -> Option<Kind> {
    if c.is_numeric() {
        Some(Kind::Number)
    } else if c.is_uppercase() {
        Some(Kind::Upper)
    } else {
        c.is_alphabetic().then_some(Kind::Lower)
    }
}

/// The parts of a word, in their order; none when it is of one piece.
pub fn of(word: &str) -> Vec<&str> {
    let parts = if word.contains(NON_JOINER) && word.starts_with(is_arabic) {
        word.split(NON_JOINER).filter(|part| !part.is_empty()).collect()
    } else {
        let humps = humps(word);
        if humps.len() > HUMPS_MAX { vec![] } else { humps.into_iter().flat_map(letters_and_digits).collect() }
    };
    if parts.len() > 1 { parts } else { vec![] }
}

/// Cuts where a capital letter begins a word: after a small letter or a digit, and before the last of several when a small one follows.
fn humps(word: &str) -> Vec<&str> {
    let kinds: Vec<(usize, Kind)> = word.char_indices().filter_map(|(at, c)| Some((at, kind_of(c)?))).collect();
    let begins = |place: &usize| {
        let (kind, before) = (kinds[*place].1, kinds[place - 1].1);
        let next = kinds.get(place + 1).map(|next| next.1);
        kind == Kind::Upper && (before != Kind::Upper || next == Some(Kind::Lower))
    };
    cut(word, (1..kinds.len()).filter(begins).map(|place| kinds[place].0))
}

/// Letters and digits apart, where they change once: `utf8`, `7zip`. What changes more often is no word but a number of something.
fn letters_and_digits(hump: &str) -> Vec<&str> {
    let kinds: Vec<(usize, bool)> = hump.char_indices().filter_map(|(at, c)| Some((at, kind_of(c)? == Kind::Number))).collect();
    let changes: Vec<usize> = kinds.windows(2).filter(|pair| pair[0].1 != pair[1].1).map(|pair| pair[1].0).collect();
    if changes.len() == 1 { cut(hump, changes.into_iter()) } else { vec![hump] }
}

fn cut(word: &str, places: impl Iterator<Item = usize>) -> Vec<&str> {
    let (mut parts, mut from) = (vec![], 0);
    for place in places {
        parts.push(&word[from..place]);
        from = place;
    }
    parts.push(&word[from..]);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_cut_where_a_reader_cuts_them() {
        for (word, parts) in [
            ("getUserProfileById", vec!["get", "User", "Profile", "By", "Id"]),
            ("HTTPServer", vec!["HTTP", "Server"]),
            ("parseHTTP2Stream", vec!["parse", "HTTP", "2", "Stream"]),
            ("iPhone15", vec!["i", "Phone", "15"]),
            ("utf8", vec!["utf", "8"]),
            ("E0382", vec!["E", "0382"]),
            ("ДомКниги", vec!["Дом", "Книги"]),
            ("می\u{200C}خواهم", vec!["می", "خواهم"]),
            ("plain", vec![]),
            ("PLAIN", vec![]),
            ("Plain", vec![]),
            ("2024", vec![]),
            ("3f2a9c1b", vec![]),
            ("क्षत्रिय", vec![]),
            ("ÉtudeÉlan", vec!["Étude", "Élan"]),
            ("aGVsbG8gd29ybGQgaGVsbG8gd29ybGQgaGVsbG8gd29ybGQ", vec![]),
        ] {
            assert_eq!(of(word), parts, "{word}");
        }
    }
}
