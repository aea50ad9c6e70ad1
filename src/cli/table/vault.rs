//! The master key, as people read it.

use super::super::layout::{Layout, Table, text, whole};
use crate::api::v1::vault::VaultAnswer;

/// A row for each version, and who holds them.
pub fn vault(answer: &VaultAnswer) -> Layout {
    let mut table = Table::new([whole("version"), whole("state"), whole("known"), text("sealed under it")]);
    for it in &answer.versions {
        let sealed: Vec<String> = it.sealed.iter().map(|(name, count)| format!("{count} {name}")).collect();
        let sealed = if sealed.is_empty() { "nothing".to_owned() } else { sealed.join(", ") };
        table.row([u64::from(it.version).into(), it.state.as_str().into(), it.known_at.into(), sealed.into()]);
    }
    let hint = |layout: Layout, text: String| layout.hint(text);
    let layout = Layout::from(table).hint(format!("this process has it from: {}", answer.source));
    let layout = answer.processes.iter().fold(layout, |layout, process| {
        let versions: Vec<String> = process.versions.iter().map(u32::to_string).collect();
        hint(layout, format!("process {} holds {}", process.name, versions.join(", ")))
    });
    let layout = answer.unreadable.iter().fold(layout, |layout, (name, count)| {
        hint(layout, format!("nobody can say under which version {count} {name} are sealed"))
    });
    match answer.rewrap {
        it if it.runs => hint(layout, format!("sealing anew: {} of {}", it.done, it.total)),
        _ => layout,
    }
}
