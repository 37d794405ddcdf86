"""XML read as a stream, in bounded memory, of what nobody has to trust.

No document type, so no entities of its own and nothing that is fetched; depth, length of a text and
length of a tag are bounded. Elements come as they end, each with its path and text.
"""

from collections.abc import Container, Iterable, Iterator
from typing import NamedTuple
from xml.parsers import expat

from domain.reconciliation.bills.fault import Fault, FaultCode
from domain.texts import quoted

DEEPEST = 40
LONGEST_TEXT = 2_000  # Characters between two tags.
LONGEST_TOKEN = 4 << 20  # Bytes without a whole tag, comment or text; the parser keeps that many.
MOST_ATTRIBUTES = 50
LONGEST_NAME = 100
AT_ONCE = 16 << 10  # Bytes that are parsed before what was found is handed on.


class Element(NamedTuple):
    """One that begins (`ends` False: no text yet) or ends. `path` is the local names from the root,
    joined by slashes; `namespace` is its own."""

    line: int
    path: str
    namespace: str
    ends: bool
    text: str
    attributes: dict[str, str]


MOST_NAMES = 1_000  # Paths that are remembered; a document of real use has some tens.


class _Reader:
    def __init__(self, begins: Container[str] | None, ends: Container[str] | None) -> None:
        self._begins, self._ends = begins, ends
        self.found: list[Element] = []
        self._paths: dict[tuple[str, str], tuple[str, str]] = {}  # Of a name below a path.
        self._open: list[tuple[str, str, dict[str, str]]] = []  # Path, namespace, attributes.
        self._text: list[str] = []
        self._length = 0
        self.parser = expat.ParserCreate(namespace_separator=" ")
        self.parser.buffer_text = False
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._characters
        self.parser.StartDoctypeDeclHandler = self._doctype

    def _fault(self, detail: str, code: FaultCode = FaultCode.XML_INVALID) -> Fault:
        return Fault(self.parser.CurrentLineNumber, code, detail)

    def _doctype(self, *_: object) -> None:
        raise self._fault("a document type is never taken")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        opened = self._open
        above = opened[-1][0] if opened else ""
        named = self._paths.get((above, name))
        path, namespace = named if named is not None else self._named(above, name)
        if len(opened) >= DEEPEST:
            raise self._fault(f"elements are deeper than {DEEPEST}")
        if len(attributes) > MOST_ATTRIBUTES:
            raise self._fault(f"an element has more than {MOST_ATTRIBUTES} attributes")
        opened.append((path, namespace, attributes))
        if self._text:
            self._text = []
        self._length = 0
        if self._begins is None or path in self._begins or len(opened) == 1:
            line = self.parser.CurrentLineNumber
            self.found.append(Element(line, path, namespace, False, "", attributes))

    def _named(self, above: str, name: str) -> tuple[str, str]:
        """Path and namespace of a name below a path. Raises Fault(LINE_TOO_LONG)."""
        namespace, _, local = name.rpartition(" ")
        if len(local) > LONGEST_NAME or len(namespace) > 2 * LONGEST_NAME:
            raise self._fault(f"a name is longer than {LONGEST_NAME}", FaultCode.LINE_TOO_LONG)
        found = (f"{above}/{local}" if above else local, namespace)
        if len(self._paths) < MOST_NAMES:
            self._paths[above, name] = found
        return found

    def _end(self, _name: str) -> None:
        path, namespace, attributes = self._open.pop()
        text = ""
        if self._text:
            text = "".join(self._text).strip()
            self._text = []
        self._length = 0
        if self._ends is None or path in self._ends:
            line = self.parser.CurrentLineNumber
            self.found.append(Element(line, path, namespace, True, text, attributes))

    def _characters(self, text: str) -> None:
        self._length += len(text)
        if self._length > LONGEST_TEXT:
            if not text.strip() and not "".join(self._text).strip():
                self._text, self._length = [], 0  # White space between elements may be long.
                return
            raise self._fault(f"a text is longer than {LONGEST_TEXT}", FaultCode.LINE_TOO_LONG)
        self._text.append(text)


def _slices(chunks: Iterable[bytes]) -> Iterator[bytes]:
    for chunk in chunks:
        for start in range(0, len(chunk), AT_ONCE):
            yield chunk[start : start + AT_ONCE]


def elements(
    chunks: Iterable[bytes],
    begins: Container[str] | None = None,
    ends: Container[str] | None = None,
) -> Iterator[Element]:
    """What begins and ends in a document, in order: of these paths, None for all; and always the
    root's beginning. Raises Fault: XML_INVALID, LINE_TOO_LONG, ENCODING_INVALID."""
    reader = _Reader(begins, ends)
    parser, fed = reader.parser, 0
    try:
        for chunk in _slices(chunks):
            fed += len(chunk)
            parser.Parse(chunk, False)
            yield from reader.found
            reader.found.clear()
            if fed - max(0, parser.CurrentByteIndex) > LONGEST_TOKEN:
                raise reader._fault(
                    f"{LONGEST_TOKEN} bytes without an end of a tag", FaultCode.LINE_TOO_LONG
                )
        parser.Parse(b"", True)
    except expat.ExpatError as error:
        said = expat.ErrorString(error.code)
        encoding = error.code in (
            expat.errors.codes[expat.errors.XML_ERROR_UNKNOWN_ENCODING],
            expat.errors.codes[expat.errors.XML_ERROR_INCORRECT_ENCODING],
        )
        code = FaultCode.ENCODING_INVALID if encoding else FaultCode.XML_INVALID
        raise Fault(error.lineno, code, f"it is no XML: {said}") from None
    except (LookupError, ValueError) as error:  # An encoding that is not known, or of many bytes.
        raise Fault(1, FaultCode.ENCODING_INVALID, quoted(str(error)[:80])) from None
    yield from reader.found
