//! The text in a file, whatever program wrote it. Pure; called by `import::source`.

/// The letters that Windows has where Latin-1 has control characters, from 0x80; the five that it has not stay what they are.
const WINDOWS: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}', '\u{90}', '‘', '’', '“', '”',
    '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
];

/// A file's text.
#[derive(Debug, PartialEq)]
pub struct Text {
    pub text: String,
    /// What had to be guessed.
    pub guess: Option<String>,
}

/// Reads UTF-8, UTF-16 with its mark, else a Windows file of Western Europe. Errors: this is no text.
pub fn decode(bytes: Vec<u8>) -> Result<Text, String> {
    let utf_16 = |from: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = bytes[2..].chunks_exact(2).map(|pair| from([pair[0], pair[1]])).collect();
        String::from_utf16(&units).map(|text| Text { text, guess: None }).map_err(|cause| cause.to_string())
    };
    match bytes.get(..2) {
        Some([0xff, 0xfe]) => return utf_16(u16::from_le_bytes),
        Some([0xfe, 0xff]) => return utf_16(u16::from_be_bytes),
        _ => {}
    }
    String::from_utf8(bytes).map(|text| Text { text, guess: None }).or_else(|broken| {
        let at = broken.utf8_error().valid_up_to();
        let bytes = broken.into_bytes();
        if bytes.contains(&0) {
            return Err(format!("this is no text: byte {at} is not UTF-8"));
        }
        let letter = |byte: u8| if (0x80..0xa0).contains(&byte) { WINDOWS[usize::from(byte - 0x80)] } else { char::from(byte) };
        let guess = Some(format!("byte {at} is not UTF-8; the file is read as Windows-1252"));
        Ok(Text { text: bytes.into_iter().map(letter).collect(), guess })
    })
}

/// Text as notes have it: no mark at its beginning, one kind of line ends.
pub fn unified(text: &str) -> String {
    text.trim_start_matches('\u{feff}').replace("\r\n", "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_every_system_are_read() {
        let text = |bytes: &[u8]| decode(bytes.to_vec()).unwrap().text;
        assert_eq!(text("Café".as_bytes()), "Café");
        assert_eq!(text(&[0xff, 0xfe, b'T', 0, 0xe9, 0]), "Té");
        assert_eq!(text(&[0xfe, 0xff, 0, b'T', 0, 0xe9]), "Té");
        assert_eq!(text(b"Caf\xe9 \x80 \x93x\x94"), "Café € “x”");
        assert!(decode(b"Caf\xe9".to_vec()).unwrap().guess.unwrap().contains("byte 3"));
        assert!(decode(vec![0xe9, 0, 1, 2]).is_err());
        assert_eq!(unified("\u{feff}a\r\nb"), "a\nb");
    }
}
