//! Whether a question asks for a time, and whether a text tells one, in the languages whose words are listed. Pure; called by
//! [`super::rerank`].

/// How questions for a time begin.
const WHEN: [&str; 12] =
    ["when", "wann", "quand", "cuándo", "cuando", "quando", "wanneer", "когда", "when's", "何時", "いつ", "什么时候"];
/// Words that tell a time.
const TIMES: [&str; 52] = [
    "yesterday",
    "today",
    "tomorrow",
    "last",
    "next",
    "ago",
    "week",
    "weekend",
    "month",
    "year",
    "gestern",
    "heute",
    "morgen",
    "letzte",
    "letzten",
    "letztes",
    "nächste",
    "nächsten",
    "vor",
    "woche",
    "wochenende",
    "monat",
    "jahr",
    "hier",
    "aujourd'hui",
    "demain",
    "dernier",
    "dernière",
    "prochain",
    "prochaine",
    "semaine",
    "mois",
    "année",
    "ayer",
    "hoy",
    "mañana",
    "pasado",
    "pasada",
    "próximo",
    "próxima",
    "semana",
    "mes",
    "año",
    "ieri",
    "oggi",
    "domani",
    "scorso",
    "settimana",
    "mese",
    "anno",
    "вчера",
    "завтра",
];

/// Whether the question begins by asking when.
pub fn asks_when(question: &str) -> bool {
    let question = question.trim_start().to_lowercase();
    WHEN.iter().any(|word| {
        let rest = question.strip_prefix(word);
        rest.is_some_and(|rest| !word.is_ascii() || !rest.starts_with(char::is_alphanumeric))
    })
}

/// Whether a word of the text tells a time.
pub fn tells_time(text: &str) -> bool {
    text.split(|c: char| !(c.is_alphanumeric() || c == '\'')).any(|word| TIMES.contains(&&*word.to_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_for_a_time_and_a_text_that_tells_one() {
        for asked in ["When did Ann go?", "  wann war das", "Quand?", "いつ行きましたか", "Cuándo"] {
            assert!(asks_when(asked), "{asked}");
        }
        for other in ["Whenever it rains", "Where", "the day when", "", "Wannsee"] {
            assert!(!asks_when(other), "{other}");
        }
        assert!(tells_time("I went there YESTERDAY!") && tells_time("vor zwei Wochen") && tells_time("hace una semana"));
        assert!(!tells_time("the lasting yearning") && !tells_time(""));
    }
}
