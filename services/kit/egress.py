"""Which hosts a request may reach: the public internet, and what the deployment allows by name."""

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
# All that was ever given out as public; the rest maps, tunnels or is kept for later.
GLOBAL_IPV6 = ipaddress.IPv6Network("2000::/3")
# A URL that holds more than these is read differently by different readers.
PLAIN_URL = re.compile(r"[!-\[\]-~]+")
LOW_32_BITS = 0xFFFF_FFFF


@dataclass(frozen=True, slots=True)
class EgressGuard:
    """Judges an URL before its name is looked up, and each address before it is connected to.

    The second judgement is the one that counts: a name may lead anywhere, and elsewhere the next
    time.
    """

    hosts: frozenset[str]
    networks: tuple[Network, ...]

    @classmethod
    def allowing(cls, entries: Sequence[str]) -> "EgressGuard":
        """A guard that also lets through these host names, addresses and networks."""
        hosts, networks = set(), []
        for entry in entries:
            try:
                networks.append(ipaddress.ip_network(entry, strict=False))
            except ValueError:
                hosts.add(entry.lower())
        return cls(frozenset(hosts), tuple(networks))

    def admits_url(self, url: str) -> bool:
        """Https anywhere; http only where the deployment allows the host. No user-info."""
        if not PLAIN_URL.fullmatch(url):
            return False
        try:
            parts = urlsplit(url)
            host, _ = parts.hostname, parts.port
        except ValueError:
            return False
        if not host or parts.username is not None or parts.password is not None:
            return False
        return parts.scheme == "https" or (parts.scheme == "http" and self._allows_host(host))

    def admits_connection(self, host: str, address: str) -> bool:
        """Whether `host`, which led to `address`, may be connected to there."""
        if host.lower() in self.hosts:
            return True
        ip = _unwrap(ipaddress.ip_address(address.split("%", 1)[0]))
        if any(ip in network for network in self.networks if network.version == ip.version):
            return True
        if isinstance(ip, ipaddress.IPv6Address) and ip not in GLOBAL_IPV6:
            return False
        return ip.is_global and not ip.is_multicast

    def _allows_host(self, host: str) -> bool:
        if host.lower() in self.hosts:
            return True
        try:
            ip = _unwrap(ipaddress.ip_address(host))
        except ValueError:
            return False
        return any(ip in network for network in self.networks if network.version == ip.version)


def _unwrap(ip: Address) -> Address:
    """The IPv4 address that an IPv6 one stands for, if it does."""
    if isinstance(ip, ipaddress.IPv4Address):
        return ip
    if ip in NAT64:
        return ipaddress.IPv4Address(int(ip) & LOW_32_BITS)
    return ip.ipv4_mapped or ip.sixtofour or ip
