//! What the tests of the whole share.
//!
//! - [`daemon`]: a daemon and a script, played to each other.
//! - [`play`]: a controller, a daemon and a user, with modules that obey what their instances say.
//! - [`script`]: a backend that plays a written session and nothing else: it expects these requests, gives
//!   these answers, and says where a client leaves the script. It proves what a client says on the wire;
//!   for what comes of it there is the embedded controller.
//! - [`tap`]: listens in on a client and a controller.
//! - [`wire`]: stands between a client and a controller, and breaks.
//! - [`wired`]: a controller, a daemon, and such a wire between them.
//! - [`workshop`]: the example services, built and loaded.
//! - [`xml`]: XML in a form in which two texts are equal if they say the same.

pub mod daemon;
pub mod play;
pub mod script;
pub mod tap;
pub mod wire;
pub mod wired;
pub mod workshop;
pub mod xml;

/// Longer than anything takes on the slowest machine.
pub const PATIENCE: std::time::Duration = std::time::Duration::from_secs(120);
