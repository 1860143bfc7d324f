//! The arguments.

use std::path::PathBuf;

const USAGE: &str = "usage: cargo bench -p confine-tests --bench commit -- \
     [--against SOCKET [--running FILE]] [--devices N] [--instances N,N…] [--edits DIRECTORY] [--program FILE]";

/// What is played.
pub(crate) struct Options {
    /// The socket of a controller that runs already.
    pub(crate) against: Option<PathBuf>,
    /// The file of `running` of that controller.
    pub(crate) running: Option<PathBuf>,
    /// Where the edits that Confine sends are kept.
    pub(crate) edits: Option<PathBuf>,
    /// Another build of Confine to measure.
    pub(crate) program: PathBuf,
    pub(crate) devices: usize,
    /// The sizes.
    pub(crate) instances: Vec<usize>,
}

impl Options {
    /// Reads the arguments of this process.
    pub(crate) fn from_arguments() -> Self {
        let instances = vec![1_000, 5_000];
        let program = env!("CARGO_BIN_EXE_confine-program").into();
        let mut options = Self { against: None, running: None, edits: None, program, devices: 4, instances };
        let mut arguments = std::env::args().skip(1);
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().expect(USAGE);
            match &*argument {
                // Cargo says so of each benchmark.
                "--bench" => {}
                "--against" => options.against = Some(value().into()),
                "--running" => options.running = Some(value().into()),
                "--edits" => options.edits = Some(value().into()),
                "--program" => options.program = value().into(),
                "--devices" => options.devices = value().parse().expect(USAGE),
                "--instances" => {
                    options.instances = value().split(',').map(|size| size.parse().expect(USAGE)).collect();
                }
                _ => panic!("{USAGE}"),
            }
        }
        options
    }
}
