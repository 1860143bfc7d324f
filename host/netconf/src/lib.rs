//! NETCONF over a byte stream: RFC 6242 framing, messages and sessions, both sides of one wire.
