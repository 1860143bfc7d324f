//! Access control: whom a peer may act for, and what a user may do.

pub(crate) mod credentials;
pub(crate) mod rules;
