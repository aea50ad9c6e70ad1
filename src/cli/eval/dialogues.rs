//! Conversations with questions about them, in the shape of LoCoMo (Maharana et al., "Evaluating Very Long-Term Conversational Memory of LLM
//! Agents", 2024). Pure; called by `brain eval locomo`. A turn becomes a memory as any conversation does: who says it stands before what
//! is said, the session is its source, and its place in the session the position there.

use chrono::NaiveDateTime;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::api::v1::dto::{MemoryInput, SourceDto};

/// How a session says when it was.
const WRITTEN: &str = "%I:%M %p on %d %B, %Y";

#[derive(Deserialize)]
struct Sample {
    sample_id: String,
    conversation: Map<String, Value>,
    qa: Vec<Asked>,
}

#[derive(Deserialize)]
struct Turn {
    speaker: String,
    dia_id: String,
    #[serde(default)]
    text: String,
    #[serde(default)]
    blip_caption: Option<String>,
}

#[derive(Deserialize)]
struct Asked {
    question: String,
    #[serde(default)]
    evidence: Vec<Value>,
    #[serde(default)]
    category: Value,
}

/// One conversation.
#[derive(Debug)]
pub struct Dialogue {
    /// The run that its memories belong to.
    pub run: String,
    pub turns: Vec<MemoryInput>,
    /// Each question with its category and the places in `turns` that hold what it asks for: one at least.
    pub questions: Vec<(String, String, Vec<usize>)>,
}

/// The conversations of a file; `run` begins the names of their runs. Errors: it is in another shape.
pub fn read(text: &str, run: &str) -> Result<Vec<Dialogue>, serde_json::Error> {
    let samples: Vec<Sample> = serde_json::from_str(text)?;
    samples.into_iter().map(|sample| dialogue(sample, run)).collect()
}

fn dialogue(sample: Sample, run: &str) -> Result<Dialogue, serde_json::Error> {
    let run = format!("{run}/{}", sample.sample_id);
    let number = |key: &String| key.strip_prefix("session_").and_then(|number| number.parse::<u32>().ok());
    let mut sessions: Vec<(u32, &Value)> =
        sample.conversation.iter().filter_map(|(key, turns)| Some((number(key)?, turns))).collect();
    sessions.sort_by_key(|(number, _)| *number);
    let (mut turns, mut places) = (vec![], vec![]);
    for (session, said) in sessions {
        let at = sample.conversation.get(&format!("session_{session}_date_time")).and_then(Value::as_str);
        let at = at.and_then(|at| NaiveDateTime::parse_from_str(at, WRITTEN).ok()).map(|at| at.and_utc());
        for (position, turn) in Vec::<Turn>::deserialize(said)?.into_iter().enumerate() {
            places.extend(ids(&turn.dia_id).into_iter().map(|id| (id, turns.len())));
            let source = SourceDto {
                kind: Some("conversation".into()),
                uri: None,
                id: Some(format!("{run}/{session}")),
                position: Some(position as u64),
            };
            turns.push(MemoryInput { occurred_at: at, run_id: Some(run.clone()), source: Some(source), ..memory(turn) });
        }
    }
    let questions = sample.qa.into_iter().filter_map(|asked| {
        let mut evidence: Vec<usize> =
            asked.evidence.iter().filter_map(Value::as_str).flat_map(ids).filter_map(|id| place(&places, id)).collect();
        evidence.sort_unstable();
        evidence.dedup();
        (!evidence.is_empty()).then(|| (asked.question, asked.category.to_string(), evidence))
    });
    let questions = questions.collect();
    Ok(Dialogue { run, turns, questions })
}

fn memory(turn: Turn) -> MemoryInput {
    let caption = turn.blip_caption.filter(|caption| !caption.is_empty()).map(|caption| format!("\n[{caption}]"));
    let content = format!("{}: {}{}", turn.speaker, turn.text, caption.unwrap_or_default());
    let metadata = json!({"speaker": turn.speaker, "dia_id": turn.dia_id});
    let Value::Object(metadata) = metadata else { unreachable!("it is written as an object") };
    MemoryInput { content, metadata, memory_type: Some("episodic".into()), ..MemoryInput::default() }
}

fn place(places: &[((u32, u32), usize)], id: (u32, u32)) -> Option<usize> {
    places.iter().find(|(known, _)| *known == id).map(|(_, place)| *place)
}

/// The turns that a text names: `D3:7`, also `D:3:7` and several in one.
fn ids(text: &str) -> Vec<(u32, u32)> {
    let mut ids = vec![];
    let parts = text.split('D').skip(1);
    for part in parts {
        let mut numbers =
            part.trim_start_matches(':').split(|c: char| !c.is_ascii_digit() && c != ':').next().unwrap_or_default().split(':');
        if let (Some(Ok(session)), Some(Ok(turn))) = (numbers.next().map(str::parse), numbers.next().map(str::parse)) {
            ids.push((session, turn));
        }
    }
    ids
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_however_they_were_written() {
        assert_eq!(ids("D1:3"), [(1, 3)]);
        assert_eq!(ids("D8:6; D9:17"), [(8, 6), (9, 17)]);
        assert_eq!(ids("D:11:26"), [(11, 26)]);
        assert_eq!(ids("D9:1 D4:4 D4:6"), [(9, 1), (4, 4), (4, 6)]);
        assert_eq!(ids("D30:05"), [(30, 5)]);
        assert!(ids("D").is_empty() && ids("").is_empty() && ids("D1").is_empty());
    }

    #[test]
    fn a_turn_is_a_memory_with_its_place_and_a_question_without_evidence_is_none() {
        let text = r#"[{"sample_id": "c1", "conversation": {"speaker_a": "Ann", "session_1_date_time": "1:56 pm on 8 May, 2023",
            "session_1": [{"speaker": "Ann", "dia_id": "D1:1", "text": "Tea?", "blip_caption": "a pot"}, {"speaker": "Bo", "dia_id": "D1:2", "text": "Yes"}]},
            "qa": [{"question": "Who wants tea?", "evidence": ["D1:2", "D1:9"], "category": 4}, {"question": "When?", "evidence": []}]}]"#;
        let dialogues = read(text, "eval-7").expect("its shape");
        let first = &dialogues[0].turns[0];
        assert_eq!((first.content.as_str(), first.run_id.as_deref()), ("Ann: Tea?\n[a pot]", Some("eval-7/c1")));
        assert_eq!(first.occurred_at.map(|at| at.to_rfc3339()).as_deref(), Some("2023-05-08T13:56:00+00:00"));
        let source = dialogues[0].turns[1].source.clone().expect("a session");
        assert_eq!((source.id.as_deref(), source.position), (Some("eval-7/c1/1"), Some(1)));
        assert_eq!(dialogues[0].questions, [("Who wants tea?".to_owned(), "4".to_owned(), vec![1])]);
    }
}
