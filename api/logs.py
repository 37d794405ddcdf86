"""The log: one line per thing that happened, as text or JSON, on stderr, and no personal data.

Modules log by the standard library; here is how a line looks. A line of a request carries its id.
Ids of members and orders may stand in a line, for without them nobody finds what went wrong; keys,
names, telephone and card numbers, and what a statement was given as parameters may not.
"""

import logging
import re
import sys
from collections.abc import Callable
from typing import Any, Literal, TextIO

import structlog
from structlog.types import EventDict

LONGEST = 4_000  # Characters of one value; a traceback is cut in the middle.

_HIDDEN = "***"
_RULES: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"\b(zf_[a-z0-9]{12})_[A-Za-z0-9_-]+"), rf"\1_{_HIDDEN}"),
    (re.compile(r"(?i)\b(bearer|basic)\s+[^\s'\",]+"), rf"\1 {_HIDDEN}"),
    (re.compile(r"(?i)(postgres(?:ql)?(?:\+\w+)?://[^:/@\s]*):[^@/\s]*@"), rf"\1:{_HIDDEN}@"),
    # What a database driver quotes of the values it was given.
    (re.compile(r"\[parameters: .*?\]\s*(?=\n|\(Background|$)", re.DOTALL), _HIDDEN),
    (re.compile(r"(?m)^(DETAIL|CONTEXT|HINT):.*$"), rf"\1: {_HIDDEN}"),
    (
        re.compile(r"""(?i)(["']?\b(?:name|note|phone|card)\b["']?\s*[=:]\s*)("[^"]*"|'[^']*')"""),
        rf"\1{_HIDDEN}",
    ),
    # Telephones, identity and bank cards: 11 digits and more, alone.
    (re.compile(r"(?<![\w.-])\+?[0-9]{11,19}[Xx]?(?![\w.-])"), _HIDDEN),
)


def redacted(text: str) -> str:
    """The text without what a log must not keep, and not longer than it may be."""
    if len(text) > LONGEST:
        text = f"{text[: LONGEST // 2]} … {text[-LONGEST // 2 :]}"
    for pattern, instead in _RULES:
        text = pattern.sub(instead, text)
    return text


def _redact(_logger: Any, _method: str, event: EventDict) -> EventDict:
    for name, value in event.items():
        if isinstance(value, str):
            event[name] = redacted(value)
    return event


def _as_text(_logger: Any, _method: str, event: EventDict) -> str:
    """`2026-11-25T03:04:05Z warning  zhangfang.worker [9f86d081] message`; of several processes
    with `process 2` before the logger."""
    request = f" [{event['request_id']}]" if "request_id" in event else ""
    process = f"process {event['process']} " if "process" in event else ""
    where = f"{process}{event['logger']}{request}"
    line = f"{event['time']} {event['level']:8} {where} {event['event']}"
    return f"{line}\n{event['exception']}" if "exception" in event else line


def configure(
    form: Literal["text", "json"],
    level: str,
    stream: TextIO | None = None,
    process: int | None = None,
) -> None:
    """Make the process's log look so; calling it again changes it. `process` is its number, when
    it is one of several of a server."""

    def numbered(_logger: Any, _method: str, event: EventDict) -> EventDict:
        return event if process is None else {**event, "process": process}

    # A record's name is its logger's: structlog's own way of asking for it needs its own loggers.
    shared: list[Callable[..., Any]] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        numbered,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        structlog.processors.format_exc_info,
        _redact,
    ]
    render: Callable[..., Any] = _as_text
    if form == "json":
        render = structlog.processors.JSONRenderer(ensure_ascii=False)
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, render],
    )
    handler = logging.StreamHandler(sys.stderr if stream is None else stream)
    handler.setFormatter(formatter)
    handler.set_name("zhangfang")
    root = logging.getLogger()
    root.handlers = [one for one in root.handlers if one.get_name() != "zhangfang"] + [handler]
    logging.getLogger("zhangfang").setLevel(level.upper())
    logging.getLogger("domain").setLevel(level.upper())
    # Others say what concerns them; what a client sends wrongly is counted, not written.
    logging.getLogger("uvicorn").setLevel(logging.ERROR)
