//! Addresses that settings name: where the daemon listens for monitoring, and where it sends spans.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    str::FromStr,
};

use confine_sandbox::text::line;
use serde::Deserialize;

use crate::{
    names::read_from_text,
    paths::{PathMisfit, PathTarget},
};

/// The most that a message shows of a text, in bytes.
const SHOWN: usize = 200;

/// Where monitoring finds the daemon: on this machine and nowhere else.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) enum ListenAddress {
    /// A port of the loopback interface.
    Port(SocketAddr),
    /// A unix socket, open to every user of this machine.
    Socket(PathBuf),
}

/// Why a text is no [`ListenAddress`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ListenAddressError {
    #[error(
        "`{}` is neither an address with a port, as in `127.0.0.1:9464`, nor the absolute path of a socket",
        line(.0, SHOWN)
    )]
    Neither(String),
    #[error("`{0}` is reachable from other machines: use a loopback address, as in `127.0.0.1:9464`")]
    Reachable(IpAddr),
    #[error(transparent)]
    Path(#[from] PathMisfit),
}

impl FromStr for ListenAddress {
    type Err = ListenAddressError;

    fn from_str(text: &str) -> Result<Self, ListenAddressError> {
        if text.starts_with('/') {
            return Ok(Self::Socket(PathTarget::Socket.check(text.into())?));
        }
        let address: SocketAddr = text.parse().map_err(|_| ListenAddressError::Neither(text.into()))?;
        if address.ip().is_loopback() {
            Ok(Self::Port(address))
        } else {
            Err(ListenAddressError::Reachable(address.ip()))
        }
    }
}

read_from_text!(ListenAddress);

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Port(address) => write!(f, "{address}"),
            Self::Socket(path) => write!(f, "{}", path.display()),
        }
    }
}

/// Where a collector takes spans: an address that starts with `http://`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct CollectorAddress(String);

/// Why a text is no [`CollectorAddress`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CollectorAddressError {
    #[error(
        "`{}` is not the address of a collector: write `http://HOST:PORT/v1/traces`; TLS is not supported, so use a collector on this machine that forwards the spans",
        line(.0, SHOWN)
    )]
    NotHttp(String),
    #[error(
        "this Confine is built without the cargo feature `otel`, which sends spans: remove `collector`, or build with `cargo build --release --features otel` (the Debian package has it)"
    )]
    NoFeature,
}

impl AsRef<str> for CollectorAddress {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl FromStr for CollectorAddress {
    type Err = CollectorAddressError;

    fn from_str(text: &str) -> Result<Self, CollectorAddressError> {
        let after = text.strip_prefix("http://").unwrap_or_default();
        let host = after.split(['/', '?', '#']).next().unwrap_or_default();
        let (name, port) = match host.rsplit_once(':') {
            // The colons of an IPv6 address are in brackets.
            Some((name, port)) if !port.ends_with(']') => (name, Some(port)),
            _ => (host, None),
        };
        let is_port = |port: &str| port.parse::<u16>().is_ok_and(|port| port > 0);
        let is_clean = text.chars().all(|c| c.is_ascii_graphic()) && !host.contains('@');
        if name.is_empty() || !port.is_none_or(is_port) || !is_clean {
            return Err(CollectorAddressError::NotHttp(text.into()));
        }
        Ok(Self(text.into()))
    }
}

impl TryFrom<String> for CollectorAddress {
    type Error = CollectorAddressError;

    fn try_from(text: String) -> Result<Self, CollectorAddressError> {
        if cfg!(feature = "otel") { text.parse() } else { Err(CollectorAddressError::NoFeature) }
    }
}

impl fmt::Display for CollectorAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listen_address_is_local() {
        for text in ["127.0.0.1:9464", "[::1]:0", "/run/confine/metrics.sock"] {
            assert_eq!(text.parse::<ListenAddress>().unwrap().to_string(), text);
        }
        let texts = [
            "9464",
            "127.0.0.1:65536",
            "/usr/",
            "/\0",
            "localhost:9464",
            "",
            "run/x.sock",
            "0.0.0.0:9464",
            "[::]:1",
            "192.0.2.1:80",
        ];
        let mut texts: Vec<_> =
            texts.iter().map(|text| text.parse::<ListenAddress>().unwrap_err().to_string()).collect();
        texts.push(format!("/{}", "x".repeat(107)).parse::<ListenAddress>().unwrap_err().to_string());
        insta::assert_snapshot!(texts.join("\n"), @r"
        `9464` is neither an address with a port, as in `127.0.0.1:9464`, nor the absolute path of a socket
        `127.0.0.1:65536` is neither an address with a port, as in `127.0.0.1:9464`, nor the absolute path of a socket
        `/usr/` does not end in the name of a socket: add the name
        `/\u{0}` has a NUL character, which no path can have
        `localhost:9464` is neither an address with a port, as in `127.0.0.1:9464`, nor the absolute path of a socket
        `` is neither an address with a port, as in `127.0.0.1:9464`, nor the absolute path of a socket
        `run/x.sock` is neither an address with a port, as in `127.0.0.1:9464`, nor the absolute path of a socket
        `0.0.0.0` is reachable from other machines: use a loopback address, as in `127.0.0.1:9464`
        `::` is reachable from other machines: use a loopback address, as in `127.0.0.1:9464`
        `192.0.2.1` is reachable from other machines: use a loopback address, as in `127.0.0.1:9464`
        `/xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx` has 108 bytes, more than the 107 that the path of a socket can have: use a shorter path, or a link to the directory
        ");
    }

    #[test]
    fn collector_address_is_http_without_tls() {
        for text in ["http://127.0.0.1:4318/v1/traces", "http://[::1]:4318", "http://collector/v1/traces"] {
            assert_eq!(text.parse::<CollectorAddress>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "127.0.0.1:4318",
            "http://",
            "http:///v1",
            "http://user:secret@host/",
            "http://a b/",
            "http://:1",
            "http://a:0/",
            "http://a:65536",
            "http://a:",
        ] {
            assert!(text.parse::<CollectorAddress>().is_err(), "{text}");
        }
        insta::assert_snapshot!("https://collector:4318/v1/traces".parse::<CollectorAddress>().unwrap_err(), @"`https://collector:4318/v1/traces` is not the address of a collector: write `http://HOST:PORT/v1/traces`; TLS is not supported, so use a collector on this machine that forwards the spans");
    }
}
