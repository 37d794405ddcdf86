"""Certificates (数字证书) of a member: the public keys by which it signs its payments. One stream
per member, for how many there are.

    (none) ──register──▶ registered ──revoke──▶ (gone)

A certificate is named by the SHA-256 of its public key, so that no other key can pass for it. The
key itself is in the vault with what else belongs to the person, and goes with it: a key that
somebody uses elsewhere, too, would say for ever who the member was.
"""

import re
from typing import Literal, assert_never

from msgspec import Struct
from msgspec.structs import replace

from domain.kernel import Fact, Stream
from domain.refusals import Code, Refused

Algorithm = Literal["ed25519", "ecdsa_p256"]
MOST = 5

_is_certificate = re.compile(r"[0-9a-f]{64}", re.ASCII).fullmatch


class Registered(Fact, frozen=True):
    certificate: str
    algorithm: Algorithm


class Revoked(Fact, frozen=True):
    """It signs nothing from now on."""

    certificate: str
    reason: str


Event = Registered | Revoked


class State(Struct, frozen=True, gc=False):
    """At most MOST, by name."""

    certificates: tuple[tuple[str, Algorithm], ...] = ()

    def algorithm_of(self, certificate: str) -> Algorithm | None:
        """None: the member has no such certificate."""
        return next((how for one, how in self.certificates if one == certificate), None)


def stream(member_id: str) -> "Stream[State]":
    return Stream(f"certificates-{member_id}")


def checked_certificate(value: str, field: str = "certificate") -> str:
    """Raises Refused(IDENTIFIER_INVALID), which shows nothing."""
    if not isinstance(value, str) or not _is_certificate(value):
        raise Refused(Code.IDENTIFIER_INVALID, field, "64 hexadecimal digits are needed")
    return value


def register(state: State, certificate: str, algorithm: Algorithm) -> list[Event]:
    """Again: []. Raises CERTIFICATE_LIMIT."""
    if state.algorithm_of(certificate):
        return []
    if len(state.certificates) >= MOST:
        raise Refused(Code.CERTIFICATE_LIMIT, "member_id", f"{MOST} certificates")
    return [Registered(certificate, algorithm)]


def revoke(state: State, certificate: str, reason: str) -> list[Event]:
    """Raises CERTIFICATE_NOT_FOUND."""
    if state.algorithm_of(certificate) is None:
        raise Refused(Code.CERTIFICATE_NOT_FOUND, "certificate")
    return [Revoked(certificate, reason)]


def evolve(state: State, event: Event) -> State:
    match event:
        case Registered(certificate=certificate, algorithm=algorithm):
            return replace(state, certificates=(*state.certificates, (certificate, algorithm)))
        case Revoked(certificate=certificate):
            left = tuple(one for one in state.certificates if one[0] != certificate)
            return replace(state, certificates=left)
        case _:
            assert_never(event)
