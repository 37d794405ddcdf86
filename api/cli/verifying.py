"""`zhangfang verify`: the log against itself, and every read model against a fresh fold of it."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from api.cli.opening import open_desk
from api.cli.output import FOUND, DatabaseOption, JsonOption, Say, answering
from api.context import AppContext
from domain.ledger.proof import Finding, verify_log
from projections.engine.folding import passes
from projections.rebuilding.comparison import check
from projections.registry import READ_MODELS

log = logging.getLogger("zhangfang.verify")


def verify(database: DatabaseOption = None, as_json: JsonOption = False) -> None:
    """Prove hashes, gaps, conservation, the reserve identity and all read models; exit 1 if not."""
    with answering(database, as_json) as say:
        with open_desk(say.database_url) as context:
            head = context.ledger.head()
            findings = _findings(say, context)
        if say.as_json:
            ledger = {"commits": head.number, "facts": head.position, "hash": head.hash.hex()}
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
    if findings:
        raise typer.Exit(FOUND)


def _findings(say: Say, context: AppContext) -> list[Finding]:
    recorder, findings = context.ledger.recorder, list[Finding]()
    with say.progress("facts") as told:
        with _stumbling("log", "reading", findings):
            findings += verify_log(
                recorder, lambda done, total: told("the log", done, total), away=is_away
            )
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


@contextmanager
def _stumbling(check: str, where: str, findings: list[Finding]) -> Iterator[None]:
    """Whatever is stumbled over in a ledger somebody has tampered with is a finding."""
    try:
        yield
    except Exception as error:
        if is_away(error):
            raise
        log.debug("verify stumbled", exc_info=True)
        said = " ".join(str(error).split())[:500]
        findings.append(Finding(check, where, f"{type(error).__name__}: {said}"))


def is_away(error: Exception) -> bool:
    """Whether the database is the trouble, and nothing is known about what it keeps."""
    cause: BaseException | None = error
    while cause is not None:  # The recorders wrap what the driver raises.
        if isinstance(cause, Exception) and passes(cause):
            return True
        cause = cause.__cause__
    return False
