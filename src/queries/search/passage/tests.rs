//! Passages of ordinary, long and odd texts; highlights; and that any text at all has a passage.

use proptest::prelude::*;

use super::*;

/// Where the words, in small letters, stand in the text: found as they are, so that this needs no index.
fn places(words: &[&str], text: &str) -> Vec<WordPlace> {
    let lower: Vec<char> = text.chars().map(|c| c.to_lowercase().next().unwrap_or(c)).collect();
    let mut places = vec![];
    for (word, letters) in words.iter().map(|word| word.chars().collect::<Vec<_>>()).enumerate() {
        let found = lower.windows(letters.len()).enumerate().filter(|(_, window)| *window == letters.as_slice());
        places.extend(found.map(|(start, _)| WordPlace { word, start, end: start + letters.len() }));
    }
    places.sort_by_key(|it| (it.start, it.end));
    places
}

fn shown(words: &[&str], content: &str) -> Shown {
    let text = KeywordText { title: None, content: content.into(), tags: vec![] };
    let shown = of(&text, &Places { content: places(words, content), ..Places::default() }, None);
    check(&shown, content);
    shown
}

fn passage(words: &[&str], content: &str) -> String {
    shown(words, content).passage.text
}

/// What holds of every passage.
fn check(shown: &Shown, content: &str) {
    let Passage { text, start, end } = &shown.passage;
    let stretch: String = content.chars().skip(*start).take(end - start).collect();
    assert_eq!(text.trim_matches('…'), stretch.trim_matches('…'));
    assert!(end - start <= PASSAGE_CHARS_MAX && *end <= content.chars().count(), "{start}..{end}");
    assert!(shown.highlights.windows(2).all(|pair| pair[0].end < pair[1].start), "{:?}", shown.highlights);
    assert!(shown.highlights.len() <= HIGHLIGHTS_MAX);
    assert_eq!(stretch.trim(), stretch);
    assert_eq!(text.starts_with('…') && !stretch.starts_with('…'), content.chars().take(*start).any(|c| !c.is_whitespace()));
}

const LONG: &str = "The harbour was dug in 1820. Nobody knows who paid for it. The crane was built in 1890 and moved to the east quay. \
    It stood there until the flood. A second crane came by ship from Gdansk, in parts, and was put together by four men and a horse. \
    Both are painted red. Visitors may climb the older one on Sundays, if the wind is low. The ticket costs three coins. \
    In winter they are closed. The keeper lives in the house beside the gate.";

#[test]
fn the_sentence_with_the_words_is_shown_and_what_has_room_about_it() {
    let shown = passage(&["crane", "ship"], LONG);
    assert!(shown.starts_with("…A second crane came by ship") && shown.ends_with("beside the gate."), "{shown}");
    let end = passage(&["keeper"], LONG);
    assert!(end.ends_with("beside the gate.") && end.starts_with("…A second crane"), "{end}");
    assert_eq!(passage(&["tea"], "Tea is at four."), "Tea is at four.");
    assert!(passage(&["absent"], LONG).starts_with("The harbour was dug"), "the beginning");
    assert!(passage(&[], LONG).starts_with("The harbour was dug"));
}

#[test]
fn rare_words_are_worth_more_than_frequent_ones() {
    let content = format!("The crane. {} The winch.", "Nothing is said here. ".repeat(40));
    let text = KeywordText { title: None, content: content.clone(), tags: vec![] };
    let weight = |worth| crate::ports::WordWeight { word: "w".into(), in_title: 0.0, in_content: worth, in_tags: 0.0 };
    let weights = KeywordWeights { words: vec![weight(1.0), weight(5.0)], ..KeywordWeights::default() };
    let places = Places { content: places(&["crane", "winch"], &content), ..Places::default() };
    assert!(of(&text, &places, Some(&weights)).passage.text.ends_with("The winch."));
    assert!(of(&text, &places, None).passage.text.starts_with("The crane."));
}

#[test]
fn what_has_no_room_is_cut_between_words_or_letters() {
    let words = "word ".repeat(200) + "needle " + &"word ".repeat(200);
    let cut = passage(&["needle"], &words);
    assert!(cut.starts_with("…word ") && cut.ends_with(" word…") && cut.contains(" needle "), "{cut}");
    let row = "x".repeat(5_000) + "needle" + &"y".repeat(5_000);
    let cut = passage(&["needle"], &row);
    assert!(cut.contains("xneedley") && cut.chars().count() == PASSAGE_CHARS_MAX + 2, "{cut}");
    let marks = "e\u{301}".repeat(2_000);
    assert!(passage(&[], &marks).trim_end_matches('…').ends_with('\u{301}'));
    let family = "👩‍👩‍👧".repeat(300);
    assert!(passage(&[], &family).trim_end_matches('…').ends_with('👧'));
    let one_letter = format!("a{}", "\u{301}".repeat(9_000));
    assert!(passage(&[], &one_letter).chars().count() <= PASSAGE_CHARS_MAX + 1);
    let whole = "n".repeat(10_000);
    assert_eq!(passage(&[&whole], &whole).chars().count(), PASSAGE_CHARS_MAX + 1);
}

#[test]
fn other_scripts_and_forms_of_text_have_passages_too() {
    let filler = "昨日は雨が降りました。".repeat(40);
    let shown = passage(&["東京"], &format!("{filler}会議は東京駅の近くで行われます。{filler}"));
    assert!(shown.starts_with("…会議は東京駅の近くで行われます。"), "{shown}");
    let thai = "วันนี้เรากินข้าวที่ตลาด".repeat(60) + "ต้มยำ" + &"วันนี้เรากินข้าวที่ตลาด".repeat(60);
    assert!(passage(&["ต้มยำ"], &thai).contains("ต้มยำ"));
    let arabic = format!("{}قال محمد إن الشاي جاهز. {}", "كان الجو باردا جدا. ".repeat(30), "ثم ذهب. ".repeat(60));
    assert!(passage(&["الشاي"], &arabic).starts_with("…قال محمد"));
    let lines = format!(
        "# Notes\r\n\r\n{}The kettle in the kitchen of the house behind the mill is\r\nblue and old.\r\n{}",
        "One line.\r\n".repeat(50),
        "Last line.\r\n".repeat(50)
    );
    let shown = passage(&["blue"], &lines);
    assert!(
        shown.starts_with("…The kettle in the kitchen of the house behind the mill is\r\nblue and old.\r\nLast line."),
        "{shown:?}"
    );
    let code = format!("Run it:\n\n```sh\n{}brain search tea\n{}```\n", "echo one\n".repeat(60), "echo two\n".repeat(60));
    assert!(passage(&["search"], &code).starts_with("…brain search tea\necho two"));
    assert_eq!(passage(&["🎉"], "Party 🎉🎉 tonight"), "Party 🎉🎉 tonight");
    assert_eq!(passage(&[], ""), "");
    assert_eq!(passage(&[], " \n "), "");
}

#[test]
fn highlights_are_merged_and_bounded() {
    let place = |word, start, end| WordPlace { word, start, end };
    let text = KeywordText { title: Some("Tea".into()), content: "東京駅 x".into(), tags: vec!["a".into(), "tea".into()] };
    let places = Places {
        title: vec![place(0, 0, 3)],
        content: vec![place(1, 0, 2), place(2, 1, 3), place(3, 4, 5)],
        tags: vec![vec![], vec![place(0, 0, 3)]],
    };
    let highlight = |part, start, end| Highlight { part, start, end };
    let expected = [
        highlight(Part::Title, 0, 3),
        highlight(Part::Content, 0, 3),
        highlight(Part::Content, 4, 5),
        highlight(Part::Tag(1), 0, 3),
    ];
    assert_eq!(of(&text, &places, None).highlights, expected);
    let many = shown(&["tea", "urn"], &("tea, ".repeat(1_000) + "urn"));
    assert_eq!((many.highlights.len(), many.highlights.last().map(|it| it.start)), (HIGHLIGHTS_MAX, Some(5_000)));
}

proptest! {
    #[test]
    fn any_text_has_a_passage(
        content in r"(\PC|[ -~]|[a-c .,\r\n]|[\u{300}-\u{303}]|[👩👧\u{200D}]|[東京。]){0,900}",
        words in proptest::collection::vec("[a-c東]{1,3}", 0..4),
    ) {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        shown(&words, &content);
    }
}
