//! RFC 8341: access control rules, and the decision for a path.
