//! Links as people write them, and the notes that they mean.

use super::*;

fn id(n: usize) -> Uuid {
    Uuid::from_u128(n as u128 + 1)
}

/// Notes with one section each, whose id is their place in the list.
fn index(habits: Habits, files: &[&str]) -> Index {
    let mut index = Index::new(habits);
    for (n, file) in files.iter().enumerate() {
        let sections = vec![Section { id: id(n), ..Section::default() }];
        index.add(Entry { file: (*file).to_owned(), sections, ..Entry::default() });
    }
    index
}

fn wiki(index: &Index, from: &str, name: &str) -> Option<usize> {
    found(index.meaning(from, &Link::Wiki(name.into())))
}

fn path(index: &Index, from: &str, path: &str) -> Option<usize> {
    found(index.meaning(from, &Link::Path(path.into())))
}

fn found(meaning: Meaning) -> Option<usize> {
    match meaning {
        Meaning::Memory(id) => Some(id.as_u128() as usize - 1),
        _ => None,
    }
}

const VAULT: Habits = Habits { obsidian: true, logseq: false };
const GRAPH: Habits = Habits { obsidian: false, logseq: true };

#[test]
fn notes_are_found_by_name() {
    let files = ["a b.md", "deep/Tea.md", "deep/er/tea.md", "deep/plan.markdown", "Cafe\u{301}.md", "What is #1?.md", "x.y.md"];
    let it = index(VAULT, &files);
    let name = |name: &str| wiki(&it, "z.md", name);
    assert_eq!((name("tea"), name("Tea"), name("TEA")), (Some(2), Some(1), Some(1)), "the case that fits, then nearest the root");
    assert_eq!((name("er/Tea"), name("Tea.md"), name("/deep/tea"), name("ea")), (Some(2), Some(1), Some(1), None));
    assert_eq!((name("Café"), name("CAFÉ"), name("What is #1?"), name("x.y")), (Some(4), Some(4), Some(5), Some(6)));
    assert_eq!((name("plan#Part"), name("plan"), name("./plan")), (Some(3), Some(3), None));
    assert_eq!(wiki(&it, "deep/er/z.md", "../plan"), Some(3));
}

#[test]
fn the_same_folder_comes_before_the_root() {
    let it = index(VAULT, &["Index.md", "one/Index.md", "two/Index.md"]);
    assert_eq!(
        (wiki(&it, "two/near.md", "Index"), wiki(&it, "x.md", "Index"), wiki(&it, "three/x.md", "index")),
        (Some(2), Some(0), Some(0))
    );
}

#[test]
fn notes_are_found_by_path() {
    let files = ["a b.md", "deep/Tea.md", "deep/plan.markdown", "one/Index.md", "two/README.md", "site/ja/part.md", "three.md"];
    let it = index(Habits::default(), &files);
    let path = |from: &str, to: &str| path(&it, from, to);
    assert_eq!(
        (path("deep/er/x.md", "../../a%20b.md"), path("deep/er/x.md", "../plan"), path("x.md", "deep/TEA.md?v=1#x")),
        (Some(0), Some(2), Some(1))
    );
    assert_eq!((path("deep/er/x.md", "../../../x.md"), path("deep/er/x.md", "plan.md")), (None, None));
    assert_eq!(
        (path("x.md", "/one/Index.md"), path("x.md", "one/"), path("x.md", "../two/"), path("x.md", "/three/")),
        (Some(3), Some(3), Some(4), Some(6))
    );
    assert_eq!(
        (path("site/ja/other.md", "../part/#top"), path("x.md", "/ja/part/"), path("x.md", "three.html")),
        (Some(5), Some(5), Some(6))
    );
    assert_eq!(path("deep/x.md", "three.md"), None, "only a vault finds by name what is not at the path");
    assert_eq!(super::tests::path(&index(VAULT, &files), "deep/x.md", "three.md"), Some(6));
}

#[test]
fn pages_of_logseq_are_found_by_what_they_are_called() {
    let it = index(GRAPH, &["pages/Whiteboard___Action Bar.md", "pages/Why%3F.md", "pages/a.b.md", "journals/2023_03_04.md"]);
    let name = |name: &str| wiki(&it, "pages/x.md", name);
    assert_eq!(
        (name("Whiteboard/Action Bar"), name("why?"), name("a/b"), name("Mar 4th, 2023")),
        (Some(0), Some(1), Some(2), Some(3))
    );
    assert_eq!((name("Action Bar"), name("Mar 5th, 2023")), (None, None));
}

#[test]
fn other_names_come_after_names_of_files() {
    let mut it = index(VAULT, &["Mill.md", "202303041405 Tea.md"]);
    let entry = |file: &str, aliases: &[&str], title: &str| Entry {
        file: file.into(),
        title: title.into(),
        aliases: aliases.iter().map(|name| (*name).to_owned()).collect(),
        sections: vec![Section { id: id(2), ..Section::default() }],
    };
    it.add(entry("stone.md", &["Old Mill", "Mill"], "The stone"));
    assert_eq!(
        (wiki(&it, "x.md", "old mill"), wiki(&it, "x.md", "Mill"), wiki(&it, "x.md", "The stone")),
        (Some(2), Some(0), Some(2))
    );
    assert_eq!(wiki(&it, "x.md", "202303041405"), Some(1));
}

#[test]
fn sections_are_found_by_headings_and_blocks() {
    let mut it = Index::new(VAULT);
    let section = |n: usize, headings: &[&str], anchors: &[&str]| Section {
        id: id(n),
        headings: headings.iter().map(|it| (*it).to_owned()).collect(),
        anchors: anchors.iter().map(|it| (*it).to_owned()).collect(),
    };
    let sections =
        vec![section(0, &[], &[]), section(1, &["A", "Milk & Sugar"], &["hint"]), section(2, &["Über uns"], &["64a0"])];
    it.add(Entry { file: "n.md".into(), sections, ..Entry::default() });
    let name = |name: &str| wiki(&it, "x.md", name);
    assert_eq!(
        (name("n#^hint"), name("n#milk-sugar"), name("n#A#Milk & Sugar"), name("n#A"), name("n#über uns")),
        (Some(1), Some(1), Some(1), Some(1), Some(2))
    );
    assert_eq!((name("n"), name("n#missing"), name("n#^missing"), name("n^hint")), (Some(0), Some(0), Some(0), Some(1)));
    assert_eq!(path(&it, "x.md", "n.md#%C3%9Cber-uns"), Some(2));
    assert_eq!(found(it.meaning("x.md", &Link::Block("64A0".into()))), Some(2));
}

#[test]
fn what_is_no_note_is_known_and_not_broken() {
    let mut it = index(VAULT, &["x.md", "deep/y.md"]);
    it.add_other("pics/Crane.png");
    it.add(Entry { file: "stub.md".into(), ..Entry::default() });
    let meaning = |link: Link| it.meaning("deep/y.md", &link);
    for link in ["crane.png", "pics/crane.png", "../pics/Crane.png"] {
        assert_eq!(meaning(Link::Wiki(link.into())), Meaning::File, "{link}");
    }
    for link in ["../pics/Crane.png", "../pics/", "/pics/Crane.png", "..", "Crane.png"] {
        assert_eq!(meaning(Link::Path(link.into())), Meaning::File, "{link}");
    }
    assert_eq!((meaning(Link::Wiki("#Below".into())), meaning(Link::Path("#below".into()))), (Meaning::Own, Meaning::Own));
    assert_eq!((meaning(Link::Wiki("y#Part".into())), meaning(Link::Wiki("Stub".into()))), (Meaning::Own, Meaning::Empty));
    assert_eq!(
        (meaning(Link::Wiki("none".into())), meaning(Link::Path("none.png".into()))),
        (Meaning::Nothing, Meaning::Nothing)
    );
}
