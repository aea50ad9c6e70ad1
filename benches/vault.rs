//! Import of a vault of linked notes with the command line, the first time and again, power-safe; the limit is reading the same files.
//!
//! `cargo bench --bench vault -- [--notes 5000]`

mod ground;

use std::{fs, path::Path, process::Command, time::Instant};

use ground::{Ground, setting};
use second_brain::{
    runtime::Durability,
    wiring::{Brain, Links, Roles},
};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let notes = setting("notes", 5_000);
    let ground = Ground::new(Durability::Power).await?;
    ground.database("vault").await?.close().await;
    let (folder, vault) = (tempfile::tempdir()?, tempfile::tempdir()?);
    let bytes = write(vault.path(), notes)?;
    let roles: Roles = "api,projector".parse().map_err(anyhow::Error::msg)?;
    let place = ground::place(folder.path(), "vault", roles)?;
    let brain = Brain::start(Links::embedded(&ground.servers, "vault"), place).await?;
    let megabytes = bytes as f64 / 1e6;
    println!("{notes} notes, {megabytes:.1} MB\n| what | time | MB/s |\n|---|---|---|");
    let started = Instant::now();
    for entry in fs::read_dir(vault.path())? {
        fs::read(entry?.path())?;
    }
    let read = started.elapsed().as_secs_f64();
    println!("| reading the files | {read:.2} s | {:.0} |", megabytes / read);
    for what in ["first import", "second import, nothing changed"] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_brain"));
        command.arg("import").arg(vault.path());
        command.env("BRAIN_URL", &brain.credentials.url).env("BRAIN_API_KEY", &brain.credentials.api_key);
        let started = Instant::now();
        let output = tokio::task::spawn_blocking(move || command.output()).await??;
        let took = started.elapsed().as_secs_f64();
        anyhow::ensure!(output.status.success(), "{output:?}");
        eprintln!("{}", String::from_utf8_lossy(&output.stdout));
        println!("| {what} | {took:.2} s | {:.2} |", megabytes / took);
    }
    brain.stop().await;
    ground.end().await
}

/// Notes of some two kilobytes, each with two links; answers their size in bytes.
fn write(folder: &Path, notes: usize) -> anyhow::Result<usize> {
    let mut bytes = 0;
    for n in 0..notes {
        let (one, other) = ((n * 7 + 1) % notes, (n * 13 + 5) % notes);
        let mut text =
            format!("---\ntags: [tag{}]\n---\n# Note {n}\n\nSee [[note-{one}]] and [that](note-{other}.md).\n\n", n % 40);
        for line in 0..25 {
            text.push_str(&format!(
                "Line {line} of note {n} tells of a blue tin, a red kettle and the {}th cup of tea.\n",
                n * 31 + line
            ));
        }
        bytes += text.len();
        fs::write(folder.join(format!("note-{n}.md")), text)?;
    }
    Ok(bytes)
}
