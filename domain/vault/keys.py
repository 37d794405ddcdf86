"""Key encryption keys (KEK): what the operator gives, in versions; the newest one wraps.

    1:<Base64 of 32 bytes>
    2:<Base64 of 32 bytes>        newer: `zhangfang vault rotate` wraps everything with it

Versions stand on lines of their own, or with commas between. An older one is needed until the
rotation is done, and as long as backups that it wraps are to be read.
"""

import hmac
import re
from base64 import b64decode, b64encode

from domain.refusals import Code, Refused
from domain.vault.sealing import KEY_BYTES, new_key, opened, sealed

_is_version = re.compile(r"[1-9][0-9]{0,5}", re.ASCII).fullmatch


class KeyRing:
    """Key encryption keys by version. Printed, it shows versions alone."""

    def __init__(self, keys: dict[int, bytes]) -> None:
        self._keys = keys

    def __repr__(self) -> str:
        return f"KeyRing({sorted(self._keys)})"

    @property
    def newest(self) -> int:
        return max(self._keys)

    @property
    def versions(self) -> list[int]:
        return sorted(self._keys)

    def derived(self, label: str) -> dict[int, bytes]:
        """A key of 32 bytes for another use, from each version: none of them tells the others."""
        return {
            version: hmac.digest(key, f"zhangfang {label}".encode(), "sha256")
            for version, key in self._keys.items()
        }

    def wrapped(self, place: tuple[str, ...], key: bytes) -> bytes:
        """A key, sealed by the newest version."""
        return sealed(self._keys[self.newest], (*place, str(self.newest)), key)

    def unwrapped(self, version: int, place: tuple[str, ...], content: bytes) -> bytes:
        """A key that a version sealed. Raises Refused(VAULT_LOCKED), Damaged."""
        key = self._keys.get(version)
        if key is None:
            detail = f"version {version} of the key is needed and not given; given: {self.versions}"
            raise Refused(Code.VAULT_LOCKED, "ZHANGFANG_VAULT_KEY", detail)
        return opened(key, (*place, str(version)), content)


def parse_keys(text: str, field: str) -> KeyRing:
    """The ring of a setting. Raises Refused(REQUEST_INVALID) naming it; no key is ever shown."""
    found: dict[int, bytes] = {}
    for number, one in enumerate(text.replace(",", "\n").splitlines(), 1):
        line = one.strip()
        if not line or line.startswith("#"):
            continue
        version, _, encoded = line.partition(":")
        if not _is_version(version):
            raise _wrong(field, f"entry {number} does not begin with a version, as in 1:<Base64>")
        if int(version) in found:
            raise _wrong(field, f"version {version} stands twice")
        found[int(version)] = _key(encoded, field, number)
    if not found:
        raise _wrong(field, "no key stands in it")
    return KeyRing(found)


def next_line(text: str) -> tuple[int, str]:
    """The next version and its line, for a file that holds `text`, or "" for a new one."""
    version = parse_keys(text, "file").newest + 1 if text.strip() else 1
    return version, f"{version}:{b64encode(new_key()).decode()}\n"


def _key(encoded: str, field: str, number: int) -> bytes:
    try:
        key = b64decode(encoded.strip(), validate=True)
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise _wrong(field, f"entry {number}: Base64 of {KEY_BYTES} random bytes is needed")
    return key


def _wrong(field: str, detail: str) -> Refused:
    return Refused(Code.REQUEST_INVALID, field, detail)
