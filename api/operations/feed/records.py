"""From bytes to CSV records, such that a broken row costs itself and no other.

RFC 4180, strictly: fields are separated by commas, or another delimiter; a field in quotes may hold
delimiters, line ends and doubled quotes; a quote anywhere else breaks the row. Lines end with LF or
CRLF, empty lines are no records, a byte order mark before the first is dropped.
"""

import re
from collections import deque
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

LONGEST_LINE = 65_536  # Bytes. Far above any good row; it bounds memory whatever a file holds.
LONGEST_RECORD = (
    1 << 20
)  # Characters of a record over several lines, before its quote counts as left open.

OPEN_QUOTE = "a quote is opened and not closed"
_OVERLONG = f"the line is longer than {LONGEST_LINE} bytes; the row shown is its beginning"

# Possessive: a doubled quote is never taken apart again, so no input makes the match slow.
_QUOTED = re.compile(r'"([^"]*+(?:""[^"]*+)*+)"')


class Record(NamedTuple):
    """One record: the line it begins on (the first line of a file is 1), fields, and exact text.

    `problem` says why it cannot be used; empty when the CSV is sound. Then `fields` has what could
    be told apart.
    """

    line: int
    fields: list[str]
    text: str
    problem: str


class _Line(NamedTuple):
    number: int
    text: str
    problem: str


def split_row(text: str, delimiter: str = ",") -> tuple[list[str], str]:
    """The fields of one record, and what is wrong with it (empty if nothing is)."""
    fields: list[str] = []
    at = 0
    while True:
        if text.startswith('"', at):
            match = _QUOTED.match(text, at)
            if match is None:
                return fields, OPEN_QUOTE
            fields.append(match[1].replace('""', '"'))
            at = match.end()
        else:
            found = text.find(delimiter, at)
            end = len(text) if found < 0 else found
            field = text[at:end]
            if '"' in field:
                return fields, "a quote stands inside a field that is not quoted"
            fields.append(field)
            at = end
        if at == len(text):
            return fields, ""
        if text[at] != delimiter:
            return fields, "text follows a closing quote"
        at += 1


def records(stream: BinaryIO, width: int, delimiter: str = ",") -> Iterator[Record]:
    """The records of a file in UTF-8, the header included. `width` is how many fields a sound
    record has.

    A field in quotes may run over several lines. If what it runs to is no sound record of `width`
    fields, its quote was left open: the one line is broken, and reading goes on with the next.
    """
    source = _lines(stream)
    pending: deque[_Line] = deque()  # Read ahead, not yet used.
    while True:
        line = pending.popleft() if pending else next(source, None)
        if line is None:
            return
        number, raw, problem = line
        text = raw.removesuffix("\r")
        if '"' in text:
            fields, trouble = split_row(text, delimiter)
            if trouble == OPEN_QUOTE and problem != _OVERLONG:
                whole = _over_lines(line, pending, source, width, delimiter)
                if whole is not None:
                    yield whole
                    continue
            yield Record(number, fields, text, problem or trouble)
        elif text or problem:
            yield Record(number, text.split(delimiter), text, problem)


def _over_lines(
    first: _Line, pending: deque[_Line], source: Iterator[_Line], width: int, delimiter: str
) -> Record | None:
    """The record that begins on a line with an open quote, its lines taken; None if it is none.

    A quote can only close on a line with an odd number of quotes, so the text is split once, there.
    Two such lines never share what is read ahead of them: the work stays linear.
    """
    parts, size, problem, used = [first.text], len(first.text), first.problem, 0
    for _, text, trouble in _following(pending, source):
        parts.append(text)
        used += 1
        size += len(text) + 1
        if trouble == _OVERLONG or size > LONGEST_RECORD:
            return None
        problem = problem or trouble
        if text.count('"') % 2:
            break
    else:
        return None
    joined = "\n".join(parts).removesuffix("\r")
    fields, trouble = split_row(joined, delimiter)
    if trouble or len(fields) != width:
        return None
    for _ in range(used):
        pending.popleft()
    return Record(first.number, fields, joined, problem)


def _following(pending: deque[_Line], source: Iterator[_Line]) -> Iterator[_Line]:
    """The lines to come, without using them up."""
    yield from pending
    for line in source:
        pending.append(line)
        yield line


def _lines(stream: BinaryIO) -> Iterator[_Line]:
    """Physical lines without LF, numbered from 1."""
    number = 0
    while raw := stream.readline(LONGEST_LINE + 2):
        number += 1
        overlong = len(raw) > LONGEST_LINE and not raw.endswith(b"\n")
        rest = raw if overlong else b"\n"
        while rest and not rest.endswith(b"\n"):
            rest = stream.readline(LONGEST_LINE)
        if number == 1:
            raw = raw.removeprefix(b"\xef\xbb\xbf")
        yield _line(number, raw.removesuffix(b"\n"), overlong)


def _line(number: int, raw: bytes, overlong: bool) -> _Line:
    if overlong:
        return _Line(number, raw[:LONGEST_LINE].decode(errors="replace"), _OVERLONG)
    text = raw.decode()
    return _Line(number, text, "the line has a NUL byte" if "\0" in text else "")
