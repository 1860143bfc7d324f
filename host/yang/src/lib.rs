//! Reads YANG 1 and 1.1 (RFC 6020, RFC 7950) and answers questions about data nodes.
