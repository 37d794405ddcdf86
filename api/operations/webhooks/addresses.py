"""Where events may be sent to: https, and addresses that are everybody's.

An address is somebody else's word, so it must not reach what only this machine, or its network, can
reach: that is what a receiver could not ask itself. Names are resolved, every address they have is
checked, and the connection goes to the very one that was checked: what a name means a moment later
does not matter. The tables are ours, the same on every version of Python. An IPv6 address that
stands for one of IPv4 (mapped, NAT64, 6to4, Teredo) is never taken: which one it is would be for
somebody else to say.
"""

import ipaddress
from typing import Literal
from urllib.parse import urlsplit

from msgspec import Struct

from domain.refusals import Code, Refused

Allow = Literal["public", "local"]
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# RFC 6890 and the registries of special addresses, multicast and what is reserved.
_NOT_V4 = tuple(
    ipaddress.IPv4Network(one)
    for one in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",  # Shared by carriers; clouds keep their metadata there, too.
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.31.196.0/24",
        "192.52.193.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "192.175.48.0/24",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
    )
)
# Of IPv6 what is given out to everybody, without what has a meaning of its own in it.
_V6 = ipaddress.IPv6Network("2000::/3")
_NOT_V6 = tuple(
    ipaddress.IPv6Network(one)
    for one in ("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20")
)
LEAST_PORT = 1024  # Below it only https has its own: the others are for mail, names, shells.


class Target(Struct, frozen=True):
    """An address taken apart; `path` has the query, too."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def shown_host(self) -> str:
        """For the header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _USUAL[self.scheme] else f"{host}:{self.port}"


_USUAL = {"https": 443, "http": 80}


def target(url: str) -> Target:
    """Of an address as `domain/member/hooking.py` checks it."""
    parts = urlsplit(url)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(parts.scheme, parts.hostname or "", parts.port or _USUAL[parts.scheme], path)


def is_public(address: Address) -> bool:
    if isinstance(address, ipaddress.IPv4Address):
        return not any(address in network for network in _NOT_V4)
    return address in _V6 and not any(address in network for network in _NOT_V6)


def parsed(text: str) -> Address | None:
    """An IP address, None when it is none; a zone is left out."""
    try:
        return ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None


def refuse_target(url: str, allow: Allow) -> None:
    """What can be seen without asking anybody. Raises WEBHOOK_INVALID."""
    if why := fault(target(url), allow):
        raise Refused(Code.WEBHOOK_INVALID, "url", why)


def fault(to: Target, allow: Allow) -> str:
    """Why nothing is sent there; "" if nothing speaks against it but what its name may mean."""
    if allow == "local":
        return ""
    if to.scheme != "https":
        return "https is needed"
    if to.port != _USUAL["https"] and to.port < LEAST_PORT:
        return f"port 443, or one from {LEAST_PORT} on, is needed"
    literal = parsed(to.host)
    if literal is not None and not is_public(literal):
        return "a public address is needed"
    if literal is None and (to.host.replace(".", "").isdigit() or "." not in to.host):
        return "a whole name is needed, such as shop.example"
    return ""
