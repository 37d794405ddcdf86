"""The list of forgotten members that is kept with the keys: a line each, only ever added to.

    ANN 1795000000000000

Ledger and vault each know who is forgotten, and each may be restored from a backup of before. This
list belongs to neither: it lies where the keys lie, so that two old backups do not undo it.
"""

import os
import re
from pathlib import Path

from domain.refusals import Code, Refused

FIELD = "ZHANGFANG_VAULT_FORGOTTEN"
_line = re.compile(r"([A-Za-z0-9_]{1,32}) ([0-9]{1,17})", re.ASCII).fullmatch


def read(path: Path | None) -> dict[str, int]:
    """Member -> when it was decided, UTC µs. A line that broke off at the end does not count.

    Raises Refused(REQUEST_INVALID) for any other text: such a list must not be passed over.
    """
    if path is None or not path.exists():
        return {}
    whole, _, _rest = path.read_text(encoding="ascii", errors="replace").rpartition("\n")
    found: dict[str, int] = {}
    for number, line in enumerate(whole.splitlines(), 1):
        match = _line(line)
        if match is None:
            raise Refused(Code.REQUEST_INVALID, FIELD, f"line {number} is not a member and a time")
        found.setdefault(match[1], int(match[2]))
    return found


def add(path: Path | None, member_id: str, at_us: int) -> None:
    """Add a member, durably, unless the list has it."""
    if path is None or member_id in read(path):
        return
    with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+b") as file:
        content = file.read()
        file.seek(content.rfind(b"\n") + 1)  # What broke off is written over.
        file.truncate()
        file.write(f"{member_id} {at_us}\n".encode())
        file.flush()
        os.fsync(file.fileno())
