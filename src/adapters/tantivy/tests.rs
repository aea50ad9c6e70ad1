//! The index as the port promises it, on a real folder.

use std::fs::File;

use uuid::Uuid;

use super::*;
use crate::ports::KeywordText;

fn change(space: &str, n: u128, content: &str, tags: &[&str]) -> KeywordChange {
    titled(space, n, None, content, tags)
}

fn titled(space: &str, n: u128, title: Option<&str>, content: &str, tags: &[&str]) -> KeywordChange {
    let tags = tags.iter().map(ToString::to_string).collect();
    let text = KeywordText { title: title.map(str::to_owned), content: content.into(), tags };
    KeywordChange { space: space.parse().expect("a space"), id: id(n), text: Some(text) }
}

fn id(n: u128) -> MemoryId {
    MemoryId(Uuid::from_u128(n))
}

async fn found(index: &TantivyIndex, query: &str) -> Vec<MemoryId> {
    let hits = index.search(&SpaceId::default_space(), query, None, 10).await.expect("searches");
    hits.hits.into_iter().map(|hit| hit.id).collect()
}

#[tokio::test]
async fn rare_words_and_tags_count_more() {
    let folder = tempfile::tempdir().expect("a folder");
    let index = TantivyIndex::open(folder.path()).expect("opens");
    let mut changes: Vec<_> = (10..60).map(|n| change("default", n, "tea is served at noon", &[])).collect();
    changes.push(change("default", 1, "tea with cardamom at noon", &[]));
    changes.push(change("default", 2, "milk is white", &["noon"]));
    changes.push(change("other", 3, "cardamom cardamom", &[]));
    index.stage(changes).await.expect("stages");
    assert_eq!(found(&index, "cardamom").await, [], "nothing shows before the commit");
    index.commit(StreamSeq(53)).await.expect("commits");
    assert_eq!(found(&index, "cardamom tea").await[0], id(1));
    assert_eq!(found(&index, "CARDAMOMS").await, [id(1)]);
    assert_eq!(found(&index, "milk noon").await[0], id(2));
    assert_eq!(found(&index, "\"at noon\" milk").await.len(), 10);
    for odd in ["", "🫖", "a AND (b OR", "\"", "+-!^~*?:\\/", &"word ".repeat(5_000)] {
        found(&index, odd).await;
    }
}

#[tokio::test]
async fn a_text_is_scored_without_the_index_as_the_index_scores_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let index = TantivyIndex::open(folder.path()).expect("opens");
    let texts = [
        "tea",
        "green tea 緑茶 and black tea",
        "a kettle for the teaTime in the kitchen 🫖",
        "東京のお茶は緑茶です",
        &"word tea of many ".repeat(60),
    ];
    let tags: [&[&str]; 3] = [&[], &["tea time"], &["kettle", "kitchen"]];
    let titles = [None, Some("Tea"), Some("The tea of Tokyo"), Some("緑茶")];
    let changes: Vec<_> = (0..15usize).map(|n| titled("default", n as u128, titles[n % 4], texts[n % 5], tags[n / 5])).collect();
    index.stage(changes.clone()).await.expect("stages");
    index.commit(StreamSeq(15)).await.expect("commits");
    for query in ["tea", "black kettles", "tea kitchen milk nothing", "緑茶", "茶", "🫖", "teaTime", "!?"] {
        let found = index.search(&SpaceId::default_space(), query, None, 100).await.expect("searches");
        assert!(!found.hits.is_empty() || query == "!?");
        for change in &changes {
            let ours = found.weights.score(&index.words(change.text.as_ref().expect("a text")));
            let theirs = found.hits.iter().find(|hit| hit.id == change.id).map_or(0.0, |hit| hit.score);
            assert!((ours - theirs).abs() < 1e-4, "{query}: {ours} for {theirs}");
        }
    }
    for query in
        ["\"black tea\"", "\"kettle for the tea\" milk", "東京のお茶", "\"緑茶\" green", "THE TEA, of tokyo", "東京 the 🫖"]
    {
        let phrase = index.search(&SpaceId::default_space(), query, None, 100).await.expect("searches");
        for change in &changes {
            let ours = phrase.weights.score(&index.words(change.text.as_ref().expect("a text")));
            let theirs = phrase.hits.iter().find(|hit| hit.id == change.id).map_or(0.0, |hit| hit.score);
            assert!(ours >= theirs - 1e-4, "a phrase is never worth more than we say: {ours} for {theirs}");
        }
    }
}

#[tokio::test]
async fn what_is_written_together_counts_more_than_its_pieces() {
    let folder = tempfile::tempdir().expect("a folder");
    let index = TantivyIndex::open(folder.path()).expect("opens");
    let texts = ["京都の東と東京", "東京都の天気", "都の京東", "学校", "학교에서 만나요", "校学"];
    index.stage(texts.iter().zip(1..).map(|(text, n)| change("default", n, text, &[])).collect()).await.expect("stages");
    index.commit(StreamSeq(6)).await.expect("commits");
    assert_eq!(found(&index, "東京都").await[0], id(2));
    assert_eq!((found(&index, "学校").await, found(&index, "학교").await), (vec![id(4)], vec![id(5)]));
    assert_eq!(found(&index, "校").await.len(), 2);
}

#[tokio::test]
async fn a_memory_is_found_by_its_title_first() {
    let folder = tempfile::tempdir().expect("a folder");
    let index = TantivyIndex::open(folder.path()).expect("opens");
    let changes = vec![
        titled("default", 1, Some("Zanzibar itinerary"), "Day one: arrive, day two: spices.", &[]),
        titled("default", 2, Some("Go"), "Good tools make good programs.", &[]),
        titled("default", 3, Some("Things to go for"), "go go go", &["go"]),
        titled("default", 4, Some("Search"), "Find notes.", &[]),
        titled("default", 5, Some("Search operators"), "search search operators of the search", &["search"]),
        titled("default", 6, None, "Zanzibar itinerary, search, search and go: a list of notes", &[]),
        titled("default", 7, Some("???"), "A riddle.", &[]),
        titled("default", 8, Some("東京の旅"), "一日目", &[]),
        titled("default", 9, Some("Backlinks › Show them"), "Open the pane.", &[]),
        titled("default", 10, Some("Show backlinks"), "backlinks and backlinks", &["backlinks"]),
    ];
    index.stage(changes).await.expect("stages");
    index.commit(StreamSeq(10)).await.expect("commits");
    for (query, first) in [
        ("Zanzibar", 1),
        ("zanzibar ITINERARY", 1),
        ("Go", 2),
        ("search", 4),
        ("Search Operators", 5),
        ("???", 7),
        ("東京の旅", 8),
        ("Backlinks", 9),
    ] {
        assert_eq!(found(&index, query).await[0], id(first), "{query}");
    }
    assert!(found(&index, "東京").await.contains(&id(8)));
}

#[tokio::test]
async fn an_index_of_another_format_is_filled_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let old = folder.path().join("v2");
    fs::create_dir_all(&old).expect("made");
    fs::write(old.join("meta.json"), "{}").expect("written");
    fs::create_dir(folder.path().join("very own")).expect("made");
    let index = TantivyIndex::open(folder.path()).expect("opens");
    assert_eq!((index.applied_seq(), old.exists()), (StreamSeq(0), false), "it begins before the first event");
    refill(&index).await;
    drop(index);
    assert_eq!(TantivyIndex::open(folder.path()).expect("opens").applied_seq(), StreamSeq(9), "its own format is kept");
    assert!(folder.path().join("very own").exists(), "what is no index is left alone");
}

#[tokio::test]
async fn a_memory_is_replaced_removed_and_kept_over_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    {
        let index = TantivyIndex::open(folder.path()).expect("opens");
        let changes =
            vec![change("default", 1, "coffee", &[]), change("default", 1, "tea", &[]), change("default", 2, "tea", &[])];
        index.stage(changes).await.expect("stages");
        index.commit(StreamSeq(3)).await.expect("commits");
        assert_eq!((found(&index, "coffee").await, found(&index, "tea").await.len()), (vec![], 2));
        let gone = KeywordChange { text: None, ..change("default", 1, "", &[]) };
        index.stage(vec![gone]).await.expect("stages");
        index.commit(StreamSeq(4)).await.expect("commits");
        index.stage(vec![change("default", 7, "tea", &[])]).await.expect("stages");
    }
    let index = TantivyIndex::open(folder.path()).expect("opens again");
    assert_eq!((index.applied_seq(), found(&index, "tea").await), (StreamSeq(4), vec![id(2)]));
    index.clear().await.expect("clears");
    assert_eq!((index.applied_seq(), found(&index, "tea").await), (StreamSeq(0), vec![]));
}

#[tokio::test]
async fn an_unreadable_index_is_made_anew() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::create_dir_all(folder.path().join("v1")).expect("makes it");
    fs::write(folder.path().join("v1/meta.json"), b"{").expect("writes");
    let index = TantivyIndex::open(folder.path()).expect("opens");
    assert_eq!(index.applied_seq(), StreamSeq(0));
}

#[tokio::test]
async fn the_few_that_qualify_are_found_behind_thousands_of_better_ones() {
    let folder = tempfile::tempdir().expect("a folder");
    let index = TantivyIndex::open(folder.path()).expect("opens");
    let mut changes: Vec<_> = (100..5_100).map(|n| change("default", n, "tea", &[])).collect();
    changes
        .extend((0..20).map(|n| change("default", n, &format!("tea {}", "and much else besides ".repeat(n as usize + 1)), &[])));
    index.stage(changes).await.expect("stages");
    index.commit(StreamSeq(5_020)).await.expect("commits");
    let few: HashSet<MemoryId> = (0..20).map(id).collect();
    let hits = index.search(&SpaceId::default_space(), "tea", Some(few), 10).await.expect("searches");
    assert_eq!(hits.hits.iter().map(|hit| hit.id).collect::<Vec<_>>(), (0..10).map(id).collect::<Vec<_>>());
}

/// Three segments of notes, with nobody at work on them any more.
async fn filled(folder: &Path) {
    let index = TantivyIndex::open(folder).expect("opens");
    assert!(index.is_suspect() && index.examine().await.expect("examines").is_empty() && !index.is_suspect());
    for segment in 0..3u128 {
        let notes = (0..200).map(|n| change("default", segment * 1_000 + n, &format!("tea number {n} of {segment}"), &["noon"]));
        index.stage(notes.collect()).await.expect("stages");
        index.commit(StreamSeq(segment as u64 + 1)).await.expect("commits");
    }
}

fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder.join(format!("v{FORMAT}"))).expect("readable").flatten();
    entries.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|found| found == ending)).collect()
}

/// Fills the index as the projection does.
async fn refill(index: &TantivyIndex) {
    index.start_over().await.expect("starts over");
    index.stage(vec![change("default", 1, "tea again", &[])]).await.expect("stages");
    index.commit(StreamSeq(9)).await.expect("commits");
}

#[tokio::test]
async fn a_file_that_is_shorter_than_its_own_end_does_not_stop_the_start() {
    for ending in ["term", "idx", "store", "fast"] {
        let folder = tempfile::tempdir().expect("a folder");
        filled(folder.path()).await;
        for file in files(folder.path(), ending) {
            File::options().write(true).open(file).expect("opens").set_len(3).expect("cut");
        }
        let index = TantivyIndex::open(folder.path()).expect("opens all the same");
        if !index.examine().await.expect("examines").is_empty() {
            assert!(index.search(&SpaceId::default_space(), "tea", None, 10).await.is_err(), "{ending}");
        }
        refill(&index).await;
        assert_eq!((index.applied_seq(), found(&index, "again").await), (StreamSeq(9), vec![id(1)]), "{ending}");
        assert!(index.examine().await.expect("examines").is_empty(), "{ending}");
    }
}

#[tokio::test]
async fn damage_in_the_middle_is_named_refuses_searches_and_is_gone_when_filled_again() {
    for ending in ["idx", "term", "pos", "fieldnorm", "fast"] {
        let folder = tempfile::tempdir().expect("a folder");
        filled(folder.path()).await;
        let damaged = files(folder.path(), ending);
        for file in &damaged {
            let mut bytes = fs::read(file).expect("readable");
            let middle = bytes.len() / 3;
            bytes[middle..middle + 20].fill(0xA5);
            fs::write(file, bytes).expect("writes");
        }
        let index = TantivyIndex::open(folder.path()).expect("opens");
        // Whatever it answers before it was examined, it goes on running.
        let _ = index.search(&SpaceId::default_space(), "\"tea number\"", None, 10).await;
        let mut names = index.examine().await.expect("examines");
        names.sort();
        let mut expected: Vec<_> = damaged.iter().map(|file| file.file_name().unwrap().to_string_lossy().into_owned()).collect();
        expected.sort();
        assert_eq!(names, expected);
        assert!(index.search(&SpaceId::default_space(), "tea", None, 10).await.is_err(), "{ending}");
        refill(&index).await;
        assert_eq!(found(&index, "\"tea again\"").await, [id(1)], "{ending}");
        assert!(index.examine().await.expect("examines").is_empty(), "{ending}");
    }
}
