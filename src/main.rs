//! Starts `brain`: everything is in the library, see its map.

fn main() -> std::process::ExitCode {
    second_brain::cli::main()
}
