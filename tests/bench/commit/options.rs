//! The arguments.

use std::path::PathBuf;

const USAGE: &str = "usage: cargo bench -p confine-tests --bench commit -- [--against SOCKET] [--devices N] [--instances N,N…]";

/// What is played.
pub struct Options {
    /// The socket of a controller that runs already.
    pub against: Option<PathBuf>,
    pub devices: usize,
    /// The sizes.
    pub instances: Vec<usize>,
}

impl Options {
    /// Reads the arguments of this process.
    pub fn from_arguments() -> Self {
        let mut options = Self { against: None, devices: 4, instances: vec![1_000, 5_000] };
        let mut arguments = std::env::args().skip(1);
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().expect(USAGE);
            match &*argument {
                // Cargo says so of each benchmark.
                "--bench" => {}
                "--against" => options.against = Some(value().into()),
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
