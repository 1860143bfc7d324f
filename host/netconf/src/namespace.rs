//! The namespaces of the message envelopes.

/// NETCONF messages and operations, RFC 6241.
pub const BASE: &str = "urn:ietf:params:xml:ns:netconf:base:1.0";
/// The envelope of a notification, RFC 5277 section 4.
pub const NOTIFICATION: &str = "urn:ietf:params:xml:ns:netconf:notification:1.0";
/// The operation `create-subscription`, RFC 5277 section 2.1.1.
pub const SUBSCRIPTION: &str = "urn:ietf:params:xml:ns:netmod:notification";
/// Clixon's own attributes, such as the user of a request.
pub const CLIXON: &str = "http://clicon.org/lib";
