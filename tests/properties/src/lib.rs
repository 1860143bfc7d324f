//! What holds of any bytes from outside: a function for each thing that parses some, which panics where it does
//! not hold.
//!
//! The fuzz targets (`tests/fuzz`, which need a nightly compiler) try these functions for as long as they are
//! left running. What they found worth keeping stands in `tests/fuzz/corpus`, and [`try_out`] holds a function
//! against it, and against changes of it, wherever there are tests.

// Whoever calls them wants a panic.
#![allow(clippy::expect_used, clippy::panic)]

mod corpus;
mod edit_xml;
mod framing;
mod message;
mod path;
mod xml;
mod yang;

pub use self::{
    corpus::try_out, edit_xml::edit_xml, framing::framing, message::message, path::path, xml::xml, yang::yang,
};
