//! What processes take of the processors, as the kernel counts it (Linux only; elsewhere nothing is known).

/// Ticks of the kernel's count: a hundredth of a second each on every Linux there is.
const TICK_US: f64 = 10_000.0;

/// Microseconds of processor time.
#[derive(Clone, Copy, Debug, Default)]
pub struct Spent {
    pub here_us: f64,
    pub there_us: f64,
}

impl Spent {
    /// Of this process, and of another one.
    pub fn so_far(other: u32) -> anyhow::Result<Self> {
        Ok(Self { here_us: of(std::process::id())?, there_us: of(other)? })
    }

    pub fn since(self, before: Self) -> Self {
        Self { here_us: self.here_us - before.here_us, there_us: self.there_us - before.there_us }
    }
}

fn of(pid: u32) -> anyhow::Result<f64> {
    let Ok(text) = std::fs::read_to_string(format!("/proc/{pid}/stat")) else { return Ok(0.0) };
    let after_name = text.rsplit(')').next().unwrap_or_default();
    let fields: Vec<&str> = after_name.split_whitespace().collect();
    let ticks: u64 = fields[11].parse::<u64>()? + fields[12].parse::<u64>()?;
    Ok(ticks as f64 * TICK_US)
}
