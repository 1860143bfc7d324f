//! Properties that hold for any input from outside: one function per parser, which panics if its property fails.
//!
//! The fuzz targets in `tests/fuzz`, which need a nightly compiler, run these functions for as long as you let them. Inputs
//! worth keeping are in `tests/fuzz/corpus`. In ordinary tests, [`try_out`] checks a function against that corpus and
//! against small changes of it.

// Whoever calls them wants a panic.
#![allow(clippy::expect_used, clippy::panic)]

mod corpus;
mod edit_xml;
mod framing;
mod markup;
mod message;
mod path;
mod xml;
mod yang;

pub use self::{
    corpus::try_out, edit_xml::edit_xml, framing::framing, markup::markup, message::message, path::path,
    xml::xml, yang::yang,
};
