//! The list of verbs as the command line knows them, each with an example of its use. Read by [`super::main`].

use clap::{Parser, Subcommand};

use super::{
    add, audit, caches, config, connect, delegations, erase, eval, events, export, get, graph, history, import, keys, list,
    login, login_link, members, relate, replay, rm, search, serve, spaces, status, up, update, vault, webhooks,
};

/// What holds for every verb.
const GENERAL: &str = "\
Examples:
  brain up                                     start it; everything else is done in another terminal
  brain add \"Tea is at four\"
  brain search when is tea
  brain import ~/notes

Answers go to standard output. In a terminal rows are cut to its width and times are those of your clock; elsewhere a row is a line
with tabs between its columns, without a header, whole, with times in UTC; with --json an answer is JSON.
Days and times are written 2026-11-27, 2026-11-27T10:00, today, yesterday, 3d or \"2 hours ago\"; a day means its beginning.
Exit codes: 0 done, 1 refused or failed, 2 not understood, 3 no server answers.";

/// A self-hosted memory: put notes and facts in, find them again, lose nothing.
#[derive(Parser)]
#[command(name = "brain", version, about, propagate_version = true, after_help = GENERAL)]
pub struct Arguments {
    #[command(subcommand)]
    pub verb: Verb,
}

#[derive(Subcommand)]
pub enum Verb {
    /// Start the server with its own nats-server and Postgres
    #[command(after_help = "Examples:\n  brain up\n  brain up --data-dir ~/brain --listen 127.0.0.1:7711 -v")]
    Up(up::Args),
    /// Serve some of the roles, against a NATS and a Postgres of your own
    #[command(
        after_help = "Example:\n  brain serve --nats-url nats://brain:secret@nats:4222 --database-url postgres://brain:secret@db:5432/brain"
    )]
    Serve(serve::Args),
    /// Remember something
    #[command(after_help = "Examples:\n  brain add \"Tea is at four\" --tag habit\n  brain add --type episodic < letter.txt")]
    Add(Client<add::Args>),
    /// Show one memory
    #[command(
        after_help = "Examples:\n  brain get 0190f3d2-0000-7000-8000-000000000001\n  brain get 0190f3d2-0000-7000-8000-000000000001 --as-of yesterday"
    )]
    Get(Client<get::Args>),
    /// List memories, newest first
    #[command(
        after_help = "Examples:\n  brain list --tag harbour --limit 20\n  brain list --as-of 2026-11-27T10:00\n\nColumns: id, created, type, title, path, text"
    )]
    List(Client<list::Args>),
    /// Find memories by meaning and by words
    #[command(
        after_help = "Examples:\n  brain search when is tea\n  brain search '\"east quay\" crane' --tag harbour --since 2026-11-01\n\nColumns: score, id, found by, title, path, text"
    )]
    Search(Client<search::Args>),
    /// Change some fields of a memory
    #[command(
        after_help = "Example:\n  brain update 0190f3d2-0000-7000-8000-000000000001 --content \"Tea is at five\" --tag habit"
    )]
    Update(Client<update::Args>),
    /// Delete memories, by their ids or by what they have in common
    #[command(
        after_help = "Examples:\n  brain rm 0190f3d2-0000-7000-8000-000000000001\n  brain rm --tag draft --until 3d --dry-run\n  brain rm --user-id ann --yes\n\nWhat was deleted can be brought back: brain undo ID"
    )]
    Rm(Client<rm::Args>),
    /// Erase memories for ever, or show the receipts
    #[command(
        after_help = "Examples:\n  brain erase 0190f3d2-0000-7000-8000-000000000001 --reason \"asked by mail\"\n  brain erase --user-id ann --dry-run\n  brain erase --user-id ann --yes\n  brain erase --receipts\n\nNothing is left of what was erased but its id, and no undo, rollback or copy of the log brings it back.\nWhat is only to be put away is deleted: brain rm ID"
    )]
    Erase(Client<erase::Args>),
    /// Show every state that a memory had
    #[command(
        after_help = "Example:\n  brain history 0190f3d2-0000-7000-8000-000000000001\n\nColumns: revision, position, time, event, title, text"
    )]
    History(Client<history::Args>),
    /// Compare two revisions of a memory
    #[command(after_help = "Example:\n  brain diff 0190f3d2-0000-7000-8000-000000000001 1 2")]
    Diff(Client<history::DiffArgs>),
    /// Take the last change of a memory back; a second undo takes the first one back
    #[command(after_help = "Example:\n  brain undo 0190f3d2-0000-7000-8000-000000000001")]
    Undo(Client<history::UndoArgs>),
    /// Relate two memories
    #[command(
        after_help = "Example:\n  brain relate 0190f3d2-0000-7000-8000-000000000001 0190f3d2-0000-7000-8000-000000000002 --type supports"
    )]
    Relate(Client<relate::Args>),
    /// Delete a relationship
    #[command(
        after_help = "Example:\n  brain unrelate 0190f3d2-0000-7000-8000-000000000001 0190f3d2-0000-7000-8000-000000000002 --type supports"
    )]
    Unrelate(Client<relate::UnrelateArgs>),
    /// Ask how memories are related
    #[command(
        after_help = "Examples:\n  brain graph neighbors 0190f3d2-0000-7000-8000-000000000001 --depth 2\n  brain graph export --format gexf -o brain.gexf"
    )]
    Graph(Client<graph::Args>),
    /// Show what happened, and follow what happens
    #[command(
        after_help = "Examples:\n  brain events --after 1000 --type 'memory.*'\n  brain events --follow --json\n\nColumns: position, time, type, subject, text; with --json each line is a CloudEvent"
    )]
    Events(Client<events::Args>),
    /// Rebuild projections from the log, roll them back, prove them equal to it
    #[command(after_help = "Examples:\n  brain replay verify\n  brain replay rebuild memories")]
    Replay(Client<replay::Args>),
    /// Have events sent to an address, and see what became of them
    #[command(
        after_help = "Examples:\n  brain webhooks add https://example.org/hook --event 'memory.*'\n  brain webhooks recover 0190f3d2-0000-7000-8000-000000000001 yesterday"
    )]
    Webhooks(Client<webhooks::Args>),
    /// Make API keys, see which there are, replace their secrets, revoke them
    #[command(
        after_help = "Examples:\n  brain keys new laptop\n  brain keys new reader --scope memory:read --scope graph:read --days 90\n  brain keys rotate 0190f3d2-0000-7000-8000-000000000001 --grace-s 3600\n  brain keys revoke 0190f3d2-0000-7000-8000-000000000001\n\nA secret is shown once, when it is made.\nScopes: memory:read, memory:write, memory:import, graph:read, graph:write, webhook:admin, task:run, audit:read, space:admin, replay:admin\nColumns: id, prefix, state, label, scopes"
    )]
    Keys(Client<keys::Args>),
    /// Show who did what, when, by which key and from where, the newest first
    #[command(
        after_help = "Examples:\n  brain audit\n  brain audit --since 7d --type 'key.*'\n  brain audit --since 2026-11-01 --limit 100000 --json > audit.jsonl\n\nEverything that has changed something is an event in the log, and stands here; what was only read does not.\nColumns: position, time, type, resource, actor, key, address"
    )]
    Audit(Client<audit::Args>),
    /// Log in to a server by a browser, here or on another device; later verbs use that
    #[command(
        after_help = "Examples:\n  brain login --url https://brain.example.org\n  brain login --device --scope memory:read --scope graph:read\n\nThe tokens stand in logins.json of the data folder and are renewed by themselves. A key that is given counts more than a login, and a login\nmore than credentials.json."
    )]
    Login(Client<login::Args>),
    /// Give the tokens of a login back
    #[command(after_help = "Examples:\n  brain logout\n  brain logout --url https://brain.example.org")]
    Logout(Client<login::LogoutArgs>),
    /// Show the clients that act for you, let one do so no longer
    #[command(
        after_help = "Examples:\n  brain delegations\n  brain delegations end 0190f3d2-0000-7000-8000-000000000001\n\nColumns: id, client, space, last renewed, address, scopes"
    )]
    Delegations(Client<delegations::Args>),
    /// Make a link that lets the owner in by a browser, once and for five minutes
    #[command(
        after_help = "Example:\n  brain login-link\n\nIt needs the key in credentials.json of the data folder: whoever can read that file is the owner."
    )]
    LoginLink(Client<login_link::Args>),
    /// Say who belongs to the space and as what; invite people, add agents
    #[command(
        after_help = "Examples:\n  brain members\n  brain members add \"Night shift\" --role editor\n  brain members invite --role reader\n  brain members join sbi_SECRET --name Ann\n\nRoles: reader (reads), editor (reads and writes), owner (everything)\nColumns: id, role, kind, name"
    )]
    Members(Client<members::Args>),
    /// Show your spaces, make another one
    #[command(
        after_help = "Examples:\n  brain spaces\n  brain spaces new team --name \"The team\"\n\nColumns: id, role, members, name"
    )]
    Spaces(Client<spaces::Args>),
    /// Import a folder of notes; a second import writes only what changed
    #[command(after_help = "Examples:\n  brain import ~/notes\n  brain import ~/notes --prune")]
    Import(Client<import::Args>),
    /// Write memories and relationships to files that import reads back identically
    #[command(after_help = "Examples:\n  brain export > brain.jsonl\n  brain export --format markdown ~/notes-of-the-brain")]
    Export(Client<export::Args>),
    /// Measure how good searches are, on conversations or on pairs of your own
    #[command(
        after_help = "Examples:\n  brain eval file my-questions.jsonl\n  brain eval file my-questions.jsonl --ablate\n  brain eval locomo locomo10.json\n\nR@k is the share of what was expected among the first k, hit@1 how often the first result was, MRR the mean of 1 / rank of the first that was;\nbehind ± stands half of the 95 % interval. Nothing is kept of the questions."
    )]
    Eval(Client<eval::Args>),
    /// Show what answers are kept in memory, or let them go
    #[command(after_help = "Examples:\n  brain caches --limit 5\n  brain caches --flush")]
    Caches(Client<caches::Args>),
    /// See to the master key: its versions, a new one, and how its file is kept
    #[command(
        after_help = "Examples:\n  brain vault status\n  brain vault rotate\n  brain vault rewrap\n  brain vault destroy 1\n  brain vault protect --passphrase-file /run/secrets/passphrase\n\nA rotation makes a new version, which seals from then on; a rewrap seals under it what lies under older ones; then an old one can be destroyed.\nprotect writes the file of the key anew, with no server: what was sealed stays as it is.\nColumns: version, state (active, kept, announced, destroyed), known, sealed under it"
    )]
    Vault(vault::Args),
    /// Show every setting, its value and where that comes from; check them
    #[command(
        after_help = "Examples:\n  brain config\n  brain config --check --config /etc/brain.toml\n  brain config --list --for serve\n\nThe flags of brain up and brain serve are taken as well.\nColumns: setting, value, from, read by; with --list setting, takes, default, names, read by, what it is\nExit codes: 0 all is well, 2 something set is unknown, of another type or out of range."
    )]
    Config(config::Args),
    /// Show the log, the projections and the parts of a running brain
    #[command(after_help = "Examples:\n  brain status\n  brain status --json")]
    Status(Client<status::Args>),
}

/// A verb that asks a server.
#[derive(clap::Args)]
pub struct Client<A: clap::Args> {
    #[command(flatten)]
    pub args: A,
    #[command(flatten)]
    pub connection: connect::ConnectionArgs,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn every_verb_teaches_by_an_example_and_every_argument_says_what_it_is() {
        let mut command = Arguments::command();
        command.build();
        command.clone().debug_assert();
        for verb in command.get_subcommands().filter(|verb| verb.get_name() != "help") {
            let examples = verb.get_after_help().map(ToString::to_string).unwrap_or_default();
            let lines: Vec<&str> = examples.lines().filter(|line| line.trim_start().starts_with("brain ")).collect();
            assert!(!lines.is_empty(), "{} has no example", verb.get_name());
            for line in lines {
                let words =
                    line.trim().split(" < ").next().and_then(|line| line.split(" > ").next()).map(words).unwrap_or_default();
                let parsed = Arguments::try_parse_from(&words);
                assert!(parsed.is_ok(), "{line}: {}", parsed.err().map(|error| error.to_string()).unwrap_or_default());
            }
            for part in std::iter::once(verb).chain(verb.get_subcommands()) {
                for argument in part.get_arguments() {
                    assert!(argument.get_help().is_some(), "{} {}: what is it?", part.get_name(), argument.get_id());
                }
            }
        }
    }

    /// A line as a shell splits it, as far as the examples need it.
    fn words(line: &str) -> Vec<String> {
        let (mut words, mut word, mut quote) = (vec![], String::new(), None);
        for letter in line.chars() {
            match (letter, quote) {
                ('"' | '\'', None) => quote = Some(letter),
                (letter, Some(open)) if letter == open => quote = None,
                (' ', None) => words.push(std::mem::take(&mut word)),
                _ => word.push(letter),
            }
        }
        words.push(word);
        words
    }
}
