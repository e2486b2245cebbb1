//! The sender of a submission, as keyed hashes that live for minutes in memory and nowhere else.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};

use crate::pipeline::lead::Identity;

/// Bits of an IPv6 address that identify one line: its owner chooses the rest (RFC 6177).
const IPV6_ADDRESS_BITS: u32 = 64;
/// Bits of an IPv6 network: what one site gets (RFC 6177).
const IPV6_NETWORK_BITS: u32 = 48;
/// Bits of an IPv4 network: the smallest that is routed on its own.
const IPV4_NETWORK_BITS: u32 = 24;

/// A sender, as far as velocity limits need to know.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Sender {
    /// A keyed hash of the address.
    pub address: String,
    /// A keyed hash of the network around it.
    pub network: String,
}

/// Returns the sender behind a public address; `None` for any other, which is this machine or a proxy of the
/// operator.
pub fn sender(client_address: Option<&str>, identity: &Identity) -> Option<Sender> {
    let address: IpAddr = client_address?.trim().parse().ok()?;
    let (version, address, network) = match address.to_canonical() {
        IpAddr::V4(address) if is_public_v4(address) => {
            let bits = address.to_bits();
            (4, bits.into(), u128::from(bits >> (32 - IPV4_NETWORK_BITS)))
        }
        IpAddr::V6(address) if is_public_v6(address) => {
            let bits = address.to_bits();
            (6, bits >> (128 - IPV6_ADDRESS_BITS), bits >> (128 - IPV6_NETWORK_BITS))
        }
        IpAddr::V4(_) | IpAddr::V6(_) => return None,
    };
    let tag = |what: &str, bits: u128| identity.tag(what, &format!("{version}/{bits:x}"));
    Some(Sender { address: tag("address", address), network: tag("network", network) })
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let is_shared = address.octets()[0] == 100 && (64..128).contains(&address.octets()[1]);
    !(address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_unspecified()
        || is_shared)
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let first = address.segments()[0];
    let (is_local, is_link_local) = (first & 0xfe00 == 0xfc00, first & 0xffc0 == 0xfe80);
    !(address.is_loopback() || address.is_unspecified() || is_local || is_link_local)
}
