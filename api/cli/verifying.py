"""`zhangfang verify`: the log against itself and against heads kept outside, the schema's guards,
the API keys, and every read model against a fresh fold. `zhangfang head`: a head to keep."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from api.cli.opening import open_desk
from api.cli.output import FOUND, DatabaseOption, JsonOption, Say, answering
from api.context import AppContext
from api.http.keys import wrong_keys
from domain.eventstore import blobs
from domain.eventstore.guards import broken_guards
from domain.eventstore.seals import decoded
from domain.ledger import heads
from domain.ledger.heads import KeptHead
from domain.ledger.ledger import utc_us
from domain.ledger.proof import Finding, verify_log
from domain.refusals import Code, Refused
from projections.engine.writing import passes
from projections.rebuilding.comparison import check, unmade
from projections.registry import READ_MODELS

log = logging.getLogger("zhangfang.verify")


ExpectHeadOption = Annotated[
    list[Path] | None,
    typer.Option("--expect-head", help="A head kept outside; may be given more than once."),
]


def verify(
    expect_head: ExpectHeadOption = None,
    database: DatabaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Prove hashes, seals, guards, conservation and all read models; exit 1 if something is off, 2
    if read models of an older ledger are to be made first.

    With --expect-head FILE also that history only grew since `zhangfang head > FILE`.
    """
    with answering(database, as_json) as say:
        kept = [(str(path), _kept(path)) for path in expect_head or ()]
        with open_desk(say.database_url) as context:
            head, seal = context.ledger.recorder.newest()
            findings = _findings(say, context, kept)
            sealed_after = _sealed_after(context)
        if say.as_json:
            ledger = {"commits": head.number, "facts": head.position, "hash": head.hash.hex()}
            ledger |= {"seal": seal.seal.hex(), "sealed_after_commit": sealed_after}
            say.json({"clean": not findings, "findings": findings, "ledger": ledger})
        elif findings:
            first, more = findings[0], len(findings) - 1
            say.line(f"{first.check}: {first.where}: {first.detail}", "bold red")
            for one in findings[1:]:
                say.line(f"{one.check}: {one.where}: {one.detail}")
            say.line(f"{more + 1} findings; the ledger or a read model is not what it should be.")
        else:
            say.line(
                f"Clean: {head.number:,} commits, {head.position:,} facts, "
                f"{len(READ_MODELS)} read models. Head {head.hash.hex()}"
            )
            if sealed_after:
                say.line(
                    f"Times are sealed since commit {sealed_after + 1:,}, those before as "
                    "they stood then."
                )
            for name, since in kept:
                say.line(f"{name}: history only grew since commit {since.commit:,}.")
    if findings:
        raise typer.Exit(FOUND)


def head(database: DatabaseOption = None, as_json: JsonOption = False) -> None:
    """Print the newest commit, its hash and seal as JSON: to be kept where the database is not."""
    with answering(database, as_json) as say:
        with open_desk(say.database_url) as context:
            kept = heads.take(context.ledger.recorder, utc_us())
        # JSON with and without --json: it is for a file, and for `verify --expect-head`.
        typer.echo(msgspec.json.format(msgspec.json.encode(kept)).decode())


def _wrong_blobs(engine: Engine, names: list[str]) -> list[tuple[str, str]]:
    with engine.connect() as view:
        return blobs.wrong(view, names)


def _kept(path: Path) -> KeptHead:
    """A head from its file. Raises Refused(REQUEST_INVALID, "expect_head")."""
    try:
        return heads.decode(path.read_bytes())
    except OSError as error:
        detail = f"{path} cannot be read: {error.strerror}"
        raise Refused(Code.REQUEST_INVALID, "expect_head", detail) from None
    except ValueError as error:
        detail = f"{path} holds no head as `zhangfang head` writes it: {error}"
        raise Refused(Code.REQUEST_INVALID, "expect_head", detail) from None


def _sealed_after(context: AppContext) -> int | None:
    """The commit after which each has a seal of its own; None when nobody can tell any more."""
    try:
        first = context.ledger.recorder.read_changes(0, 1)[0]
        return int(decoded(first.entry)["sealed_after"]["commit"])
    except (LookupError, TypeError, ValueError):
        return None


def _findings(say: Say, context: AppContext, kept: list[tuple[str, KeptHead]]) -> list[Finding]:
    recorder, findings = context.ledger.recorder, list[Finding]()
    for name, one in kept:
        with _stumbling("head", name, findings):
            findings += [Finding("head", name, said) for said in heads.not_grown(recorder, one)]
    with say.progress("facts") as told:
        with _stumbling("log", "reading", findings):
            findings += verify_log(
                recorder,
                lambda done, total: told("the log", done, total),
                away=is_away,
                blobs=partial(_wrong_blobs, context.engine),
            )
        if not findings:  # Of an older ledger guards and keys are not those of today either.
            _refuse_unmade(context)
        with _stumbling("guards", "reading", findings):
            findings += [Finding("guards", *one) for one in broken_guards(context.engine)]
        with _stumbling("keys", "reading", findings):
            findings += [Finding("keys", *one) for one in wrong_keys(context.engine)]
        stalled: list[Finding] = []
        with _stumbling("projection", "catching up", stalled):
            context.desk.catch_up()
        wrong: list[Finding] = []
        with _stumbling("projection", "comparing", wrong):
            found = check(
                recorder,
                context.writes,
                list(READ_MODELS.values()),
                on_progress=lambda done, total: told("read models", done, total),
            )
            wrong += [Finding("projection", one.projection, one.detail) for one in found]
    # Why it stalled is mostly what the comparison finds; where it finds nothing, it is all we know.
    return findings + (wrong or stalled)


def _refuse_unmade(context: AppContext) -> None:
    """Raises Refused(REQUEST_INVALID, "projections") where there is nothing to compare yet."""
    names: list[str] = []
    with _stumbling("projection", "reading", []):  # Else the comparison finds it, and says so.
        names = unmade(context.engine, list(READ_MODELS.values()))
    if names:
        some = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
        detail = (
            f"the log is sound; of this older ledger these read models were not made yet: {some}. "
            "`zhangfang init`, then `zhangfang projections rebuild --all` makes them; verify then"
        )
        raise Refused(Code.REQUEST_INVALID, "projections", detail)


@contextmanager
def _stumbling(check: str, where: str, findings: list[Finding]) -> Iterator[None]:
    """Whatever is stumbled over in a ledger somebody has tampered with is a finding."""
    try:
        yield
    except Exception as error:
        if is_away(error):
            raise
        log.debug("verify stumbled", exc_info=True)
        cause = error.orig if isinstance(error, DBAPIError) and error.orig else error
        said = " ".join(str(cause).split())[:500]  # Without the statement: nobody asked for it.
        findings.append(Finding(check, where, f"{type(error).__name__}: {said}"))


def is_away(error: Exception) -> bool:
    """Whether the database is the trouble, and nothing is known about what it keeps."""
    cause: BaseException | None = error
    while cause is not None:  # The recorders wrap what the driver raises.
        if isinstance(cause, Exception) and passes(cause):
            return True
        cause = cause.__cause__
    return False
