//! Host and port of a broker.

use std::fmt;

use crate::connection::{ConnectionError, ErrorKind};

/// Host and port of a broker, as written in `bootstrap.servers` or told by a broker.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct BrokerAddress {
    /// Host name or IP address, without brackets.
    pub host: String,
    /// Port.
    pub port: u16,
}

impl BrokerAddress {
    /// Reads a list as of `bootstrap.servers`: `host:port`, `[ipv6]:port`, with or without `PROTOCOL://` in front.
    ///
    /// # Errors
    /// Fails when an entry is none of these, or when there is none.
    pub fn parse_list(text: &str) -> Result<Vec<Self>, ConnectionError> {
        let entries = text.split(',').map(str::trim).filter(|entry| !entry.is_empty());
        let addresses: Vec<Self> = entries.map(Self::parse).collect::<Result<_, _>>()?;
        if addresses.is_empty() {
            return Err(ConnectionError::new(
                ErrorKind::Config,
                "`bootstrap.servers` names no broker; give `host:port`, several separated by commas",
            ));
        }
        Ok(addresses)
    }

    fn parse(entry: &str) -> Result<Self, ConnectionError> {
        let bare = entry.split_once("://").map_or(entry, |(_, rest)| rest);
        let parsed = bare.rsplit_once(':').and_then(|(host, port)| {
            let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
            let port = port.parse().ok().filter(|port| *port != 0)?;
            (!host.is_empty()).then(|| Self { host: host.to_owned(), port })
        });
        parsed.ok_or_else(|| {
            ConnectionError::new(
                ErrorKind::Config,
                format!("`bootstrap.servers` has `{entry}`, which is not `host:port`"),
            )
        })
    }
}

impl fmt::Display for BrokerAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(formatter, "[{}]:{}", self.host, self.port)
        } else {
            write!(formatter, "{}:{}", self.host, self.port)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn list_of_addresses_is_read_in_all_its_forms() {
        let read = BrokerAddress::parse_list(" a:1, [::1]:9092,SASL_SSL://b.example:65535 ,").expect("valid");
        let text: Vec<String> = read.iter().map(ToString::to_string).collect();
        assert_eq!(text, ["a:1", "[::1]:9092", "b.example:65535"]);
        assert_eq!(read[1].host, "::1");
    }

    #[test]
    fn entry_without_host_or_port_is_refused_by_name() {
        for bad in ["a", "a:", ":9092", "a:x", "a:0", "a:65536"] {
            let error = BrokerAddress::parse_list(bad).expect_err("refused");
            assert_eq!(
                error.to_string(),
                format!("`bootstrap.servers` has `{bad}`, which is not `host:port`")
            );
        }
        assert_eq!(BrokerAddress::parse_list(" ,").expect_err("refused").kind(), ErrorKind::Config);
    }
}
