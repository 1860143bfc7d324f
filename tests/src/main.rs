//! The program `confine`, built for the suites that start it.

fn main() -> std::process::ExitCode {
    confine::main()
}
