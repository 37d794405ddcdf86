"""What every command shares: the options, where answers and errors go, progress, and exit codes.

The answer goes to stdout, with `--json` as JSON and nothing else; errors and progress go to stderr.
Exit code 0: done; 1: something was found to be wrong; 2: refused, or not to be done; 130:
interrupted.
"""

import os
import re
import sqlite3
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import msgspec
import psycopg
import typer
from rich.console import Console
from rich.measure import Measurement
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text
from sqlalchemy.exc import DBAPIError

from api.cli import INTERRUPTED
from api.http.errors import INTERNAL_ERROR, printable
from api.settings import database_setting
from domain.eventstore.database import parse_database_url
from domain.eventstore.recorder import CommitUnknown, PersistenceError
from domain.fields import checked_day
from domain.ledger.codec import UnknownFact
from domain.refusals import Code, Refused

DatabaseOption = Annotated[
    str | None,
    typer.Option(
        "--database",
        metavar="URL",
        help="The ledger; else $ZHANGFANG_DATABASE, else sqlite:///zhangfang.db.",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON to stdout, and nothing else.")]

FOUND, REFUSED = 1, 2
DAMAGED = (
    "`zhangfang verify` tells whether the ledger or a read model is damaged; "
    "ZHANGFANG_TRACEBACK=1 shows where it happened"
)
WIDEST = 10_000
FOLDED = 8  # No text is folded narrower than this.
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
PIPED_WIDTH = 200  # Columns when nobody's terminal says how many there are.

# What was given before the command's name: the database, and whether --json was.
GIVEN: ContextVar[tuple[str | None, bool]] = ContextVar("GIVEN", default=(None, False))


class Say:
    """One command's way to the outside: its database, and where its answer goes."""

    def __init__(self, database_url: str, *, as_json: bool) -> None:
        self.database_url = database_url
        self.as_json = as_json
        self.out = _console(sys.stdout)
        self.err = _console(sys.stderr)

    def json(self, value: Any) -> None:
        """The answer as JSON."""
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n")

    def line(self, text: str = "", style: str = "") -> None:
        """A line of the answer for people; nothing with --json."""
        if not self.as_json:
            self.out.print(text, style=style or None, soft_wrap=True)

    def table(self, table: Table) -> None:
        """A table of the answer for people; nothing with --json.

        Figures are never cut or broken: texts are folded first, and where that is not enough each
        row becomes a list of its columns.
        """
        if self.as_json:
            return
        texts = []
        for column in table.columns:
            column.overflow = "fold"
            column.no_wrap = column.no_wrap or column.justify == "right"
            if not column.no_wrap and column.width is None:
                column.max_width = FOLDED
                texts.append(column)
        options = self.out.options.update(width=WIDEST)
        needed = Measurement.get(self.out, options, table).minimum
        for column in texts:
            column.max_width = None
        self.out.print(table if needed <= self.out.width else _listed(table))

    @contextmanager
    def progress(self, unit: str) -> Iterator[Callable[[str, int, int | None], None]]:
        """A bar on stderr with rate and time left; told what is done, how much, of how much.

        Silent with --json, and where stderr is no terminal.
        """
        silent = self.as_json or not self.err.is_terminal
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            _Rate(unit),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=self.err, disable=silent, transient=True) as bar:
            task = bar.add_task("", total=None)

            def told(what: str, done: int, total: int | None) -> None:
                bar.update(task, description=what, completed=done, total=total)

            yield told


def _listed(table: Table) -> Table:
    """The same, a line for each value."""
    listed = Table(title=table.title, box=None, show_header=False, pad_edge=False)
    listed.add_column(no_wrap=True)
    listed.add_column(justify="right", overflow="fold")
    for row in zip(*(column.cells for column in table.columns), strict=True):
        for column, value in zip(table.columns, row, strict=True):
            if value:
                listed.add_row(column.header, value)
        listed.add_row()
    return listed


class _Rate(ProgressColumn):
    def __init__(self, unit: str) -> None:
        super().__init__()
        self._unit = unit

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text(f"{speed:,.0f} {self._unit}/s" if speed else f"- {self._unit}/s")


def _console(file: Any) -> Console:
    width = None if file.isatty() else PIPED_WIDTH
    return Console(file=file, width=width, highlight=False, markup=False, emoji=False)


@contextmanager
def answering(
    database: str | None, as_json: bool, *, interrupted: str = "Stopped."
) -> Iterator[Say]:
    """Run a command's work; whatever refuses it becomes a line on stderr and an exit code.

    `interrupted` is what Ctrl-C answers: how to go on.
    """
    given_database, given_json = GIVEN.get()
    as_json = as_json or given_json
    try:
        given = given_database if database is None else database
        url = database_setting() if given is None else given
        parse_database_url(url)  # Refused here and now, whatever the command is.
        yield Say(url, as_json=as_json)
    except Refused as no:
        raise _refused(no, as_json) from None
    except (DBAPIError, PersistenceError, sqlite3.Error, psycopg.Error, CommitUnknown) as error:
        raise _refused(_database_trouble(url, error), as_json) from None
    except UnknownFact as error:
        raise _refused(_trouble("log", error), as_json) from None
    except UnicodeEncodeError:  # What a shell passed on as it was.
        no_text = Refused(Code.REQUEST_INVALID, "arguments", "one of them is not valid UTF-8")
        raise _refused(no_text, as_json) from None
    except UnicodeDecodeError as error:
        raise _refused(_trouble("database", error), as_json) from None
    except KeyboardInterrupt:
        sys.stderr.write(f"\n{interrupted}\n")
        raise typer.Exit(INTERRUPTED) from None
    except BrokenPipeError:
        raise  # The reader went away; `main` ends quietly.
    except OSError as error:
        raise _refused(_unreadable(error, "file" if error.filename else ""), as_json) from None
    except (typer.Exit, typer.Abort, typer.TyperException):
        raise
    except Exception as error:
        say_unexpected(error, as_json=as_json)
        raise typer.Exit(REFUSED) from None


@contextmanager
def naming(field: str, path: Path | None = None) -> Iterator[None]:
    """What cannot be opened is refused under the name of the option that gave it (`path`: as it was
    given); without this as `file`."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise _unreadable(error, field, path) from None


def _unreadable(error: OSError, field: str, path: Path | None = None) -> Refused:
    said, named = error.strerror or str(error), path or error.filename
    detail = f"{named}: {said}" if named else said
    return Refused(Code.REQUEST_INVALID, field, detail)


def _database_trouble(url: str, error: Exception) -> Refused:
    cause = error.orig or error if isinstance(error, DBAPIError) else error
    missing = isinstance(cause, psycopg.errors.UndefinedTable) or "no such table" in str(cause)
    hint = "; `zhangfang projections rebuild --all` makes read models anew" if missing else ""
    detail = f"{parse_database_url(url)!r}: {str(cause) or type(cause).__name__}{hint}"
    return Refused(Code.REQUEST_INVALID, "database", detail)


def _trouble(field: str, error: BaseException) -> Refused:
    return Refused(Code.REQUEST_INVALID, field, str(error) or type(error).__name__)


def _refused(no: Refused, as_json: bool) -> typer.Exit:
    return _ended(no.code.value, no.field, no.detail, as_json)


def _ended(code: str, field: str, detail: str, as_json: bool) -> typer.Exit:
    say_error(code, field, detail, as_json=as_json)
    return typer.Exit(REFUSED)


def say_unexpected(error: Exception, *, as_json: bool) -> None:
    """An error nobody thought of, on stderr; after its traceback when that is asked for."""
    if os.environ.get("ZHANGFANG_TRACEBACK"):
        traceback.print_exception(error)
    said = f"{type(error).__name__}: {error}"
    say_error(INTERNAL_ERROR, "", f"{said[:700]}; {DAMAGED}", as_json=as_json)


def say_error(code: str, field: str, detail: str, *, as_json: bool) -> None:
    """An error on stderr, in one line."""
    detail = " ".join(detail.split())[:1_000]  # What a driver says may run over several lines.
    if as_json:
        error = {"code": code, "field": field, "detail": printable(detail)}
        sys.stderr.write(msgspec.json.encode({"error": error}).decode() + "\n")
    else:
        where = f"{field}: " if field else ""
        sys.stderr.write(f"error: {code}: {where}{printable(detail)}\n")


def day(text: str | None, field: str) -> date | None:
    """A date as written on the command line: YYYY-MM-DD, from 2000 to 2099. Raises
    Refused(DATE_INVALID)."""
    if text is None:
        return None
    try:
        if _DATE.fullmatch(text):
            return checked_day(date.fromisoformat(text), field)
    except ValueError:
        pass
    raise Refused(Code.DATE_INVALID, field, f"{text[:40]!r} is not a date YYYY-MM-DD")
