//! Which addresses are private: a page that somebody else wrote must not make us ask them (hardening.md A15).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Says whether an address is one of this machine, of its network, or of nobody in public.
pub fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(four) => private_v4(four),
        IpAddr::V6(six) => private_v6(six),
    }
}

fn private_v4(it: Ipv4Addr) -> bool {
    let [a, b, c, _] = it.octets();
    it.is_private()
        || it.is_loopback()
        || it.is_link_local()
        || it.is_broadcast()
        || it.is_documentation()
        || it.is_multicast()
        || a == 0
        // Shared by carriers (RFC 6598), protocol assignments (RFC 6890), benchmarks (RFC 2544), reserved (RFC 1112).
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 198 && (18..20).contains(&b))
        || a >= 240
}

fn private_v6(it: Ipv6Addr) -> bool {
    // An IPv4 address in IPv6's clothes is judged as what it is.
    if let Some(four) = it.to_ipv4_mapped() {
        return private_v4(four);
    }
    let parts = it.segments();
    if parts[..6] == [0x64, 0xff9b, 0, 0, 0, 0] || (parts[..6] == [0; 6] && parts[6] != 0) {
        let [a, b] = parts[6].to_be_bytes();
        let [c, d] = parts[7].to_be_bytes();
        return private_v4(Ipv4Addr::new(a, b, c, d));
    }
    it.is_loopback()
        || it.is_unspecified()
        || it.is_multicast()
        || it.is_unique_local()
        || it.is_unicast_link_local()
        || (parts[0] == 0x2001 && parts[1] == 0xdb8)
}

/// Says whether the host of an address is private by what is written: a private number, or a name that always means this machine.
pub fn is_private_host(host: &str) -> bool {
    let bare = host
        .trim_start_matches('[')
        .trim_end_matches(']')
        .trim_end_matches('.')
        .to_ascii_lowercase();
    match bare.parse::<IpAddr>() {
        Ok(address) => is_private(address),
        Err(_) => bare == "localhost" || bare.ends_with(".localhost"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a15_private_addresses_in_every_dress() {
        for text in [
            "127.0.0.1",
            "127.9.9.9",
            "10.0.0.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "169.254.169.254",
            "0.0.0.0",
            "100.64.0.1",
            "255.255.255.255",
            "224.0.0.1",
            "::1",
            "::",
            "::ffff:169.254.169.254",
            "::ffff:10.0.0.1",
            "::127.0.0.1",
            "64:ff9b::a9fe:a9fe",
            "fc00::1",
            "fd12:3456::1",
            "fe80::1",
            "ff02::1",
        ] {
            assert!(is_private(text.parse().expect(text)), "{text}");
        }
        for text in [
            "8.8.8.8",
            "172.32.0.1",
            "104.18.7.192",
            "2606:4700::6812:7c0",
            "::ffff:8.8.8.8",
            "64:ff9b::808:808",
        ] {
            assert!(!is_private(text.parse().expect(text)), "{text}");
        }
    }

    #[test]
    fn a15_numbers_that_an_address_hides() {
        for text in [
            "http://2130706433/",
            "http://0x7f.1/",
            "http://017700000001/",
            "http://127.1/",
            "http://[::ffff:7f00:1]/",
            "http://LOCALHOST./",
            "http://x.localhost/",
        ] {
            let url = url::Url::parse(text).expect(text);
            assert!(is_private_host(url.host_str().expect(text)), "{text}");
        }
        for host in ["api.example.com", "localhost.example.com", "8.8.8.8"] {
            assert!(!is_private_host(host), "{host}");
        }
    }
}
