//! Which memories are meant, for the verbs that speak of many.

/// The filters of a list of memories.
#[derive(clap::Args)]
pub struct Filters {
    /// semantic, episodic or procedural
    #[arg(long = "type")]
    memory_type: Option<String>,
    #[arg(long)]
    tag: Option<String>,
    #[arg(long)]
    user_id: Option<String>,
    #[arg(long)]
    agent_id: Option<String>,
    #[arg(long)]
    run_id: Option<String>,
}

impl Filters {
    /// The query parameters that ask for them.
    pub fn query(self) -> impl Iterator<Item = (&'static str, String)> {
        let optional = [
            ("memory_type", self.memory_type),
            ("tag", self.tag),
            ("user_id", self.user_id),
            ("agent_id", self.agent_id),
            ("run_id", self.run_id),
        ];
        optional.into_iter().filter_map(|(name, value)| Some((name, value?)))
    }
}
