"""`zhangfang drill requests`: the document's examples, generated requests of every role, and what
became of the books.

Schemathesis and Hypothesis make them, which come with the development dependencies. The same seed
makes the same requests, and they get the same answers: the books lie so far back that the server's
worker leaves them alone.
"""

import random
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import IO, Any

import requests
from hypothesis import HealthCheck, Phase, Verbosity, given, settings
from hypothesis import seed as seeded

from api.graphql.schema import graphql_schema
from api.http.access import PERMISSIONS
from api.http.keys import Role
from benchmarks.drills.books import verified
from benchmarks.drills.channels.clocked import VAULT_KEY
from benchmarks.drills.generating.commands import KEY, Operations, Sender
from benchmarks.drills.generating.examples import APPROVE, Examples, proposed
from benchmarks.drills.generating.findings import Findings
from benchmarks.drills.generating.market import ROLES, Market, open_market
from benchmarks.drills.generating.queries import Queries
from benchmarks.drills.generating.reads import Reader
from benchmarks.drills.generating.writing import Query
from benchmarks.drills.generating.wrote import wrongly_written
from benchmarks.drills.served import running
from migrations.run import migrate

NOBODY = "nobody"  # Whose key is none.
WHO = (*ROLES, "cashier", NOBODY)  # What needs two persons an office proposes, another approves.
PER_ROUND = 3
READY_S = 10


def drill(
    url: str,
    tell: Callable[[str], None],
    *,
    seed: int,
    seconds: int | None = None,
    examples: int | None = None,
) -> dict[str, Any]:
    """Send generated requests to a server on an empty place for a ledger, for so many seconds, or
    so many examples of each operation in each role. `passed` is what it comes to."""
    migrate(url)
    market = open_market(url)
    began = time.monotonic()
    findings = Findings()
    with tempfile.TemporaryFile("w+") as log:
        keys = {"ZHANGFANG_VAULT_KEY": VAULT_KEY}  # So that doors to personal data are open.
        with running(url, log=log, settings=keys) as (host, port, _pid):
            sending = _Sending(f"http://{host}:{port}", market, findings)
            try:
                tell("examples")
                sending.examples()
                tell("every field")
                sending.everything()
                for number, count, until in _rounds(seconds, examples):
                    tell(f"round {number}")
                    sending.round(seed + number, count, until)
                sending.ready()
            finally:
                sending.close()
        incidents = _incidents(log)
    tell("verify")
    wrong = wrongly_written(url, market)
    for one in wrong:
        findings.fault("written, and must not be", one, "", "")
    books = verified(url)
    report = findings.as_json()
    return {
        "seed": seed,
        "seconds": round(time.monotonic() - began, 1),
        **report,
        "fields_asked": len(sending.asked),
        "incidents": incidents,
        "books": books,
        "passed": not report["faults"] and not incidents and bool(books["clean"]),
    }


def _rounds(seconds: int | None, examples: int | None) -> Iterator[tuple[int, int, float]]:
    """Rounds by number: how many examples, and until when (monotonic seconds)."""
    if seconds is None:
        yield 0, examples or PER_ROUND, float("inf")
        return
    until = time.monotonic() + seconds
    number = 0
    while time.monotonic() < until:
        yield number, PER_ROUND, until
        number += 1


class _Sending:
    """A sender of commands and one of queries for each role, and what they are to be judged by."""

    def __init__(self, base: str, market: Market, findings: Findings) -> None:
        self._base, self._findings = base, findings
        document = requests.get(f"{base}/openapi.json", timeout=30).json()
        schema = graphql_schema()
        self._operations = Operations(document, market.known)
        self._queries = Queries(schema, market.known)
        keys: dict[str, str] = {str(role): key for role, key in market.keys.items()}
        keys |= {"cashier": market.cashier, "reviewer": market.reviewer}
        keys[NOBODY] = "zf_nobody_nothing"
        self._senders = {
            who: Sender(base, key, self._operations, findings) for who, key in keys.items()
        }
        self._readers = {
            role: Reader(
                base,
                market.keys[role],
                schema,
                findings,
                market.strangers if role == "merchant" else (),
            )
            for role in ROLES
        }

    def close(self) -> None:
        for sender in self._senders.values():
            sender.close()
        for reader in self._readers.values():
            reader.close()

    @property
    def asked(self) -> set[str]:
        """The fields of the schema, `Type.field`, that were in an answer's shape."""
        return {field for one in self._readers.values() for field in one.asked}

    def examples(self) -> None:
        """Each operation's own example, by persons of the institution."""
        cashier, reviewer = self._senders["cashier"], self._senders["reviewer"]
        Examples(self._operations, cashier, reviewer, self._findings).send()

    def everything(self) -> None:
        """Each root field with all below it, in each role."""
        for name, text in self._queries.everything():
            for reader in self._readers.values():
                reader.send(Query(text, {}), f"everything of {name}")

    def round(self, seed: int, count: int, until: float) -> None:
        """So many cases of each operation and as many queries, in each role."""
        labels = self._operations.labels
        random.Random(seed).shuffle(labels)  # A round that time cuts short is not always the same.
        for place, label in enumerate(labels):
            for who in WHO:
                if time.monotonic() > until:
                    return
                self._commands(label, who, seed, 1 if who == NOBODY else count)
            for role in ROLES:
                self._reads(role, seed * 1_000 + place, count)

    def _commands(self, label: str, who: str, seed: int, count: int) -> None:
        sender, allowed = self._senders[who], _allowed(label, who)

        @given(self._operations.cases(label))
        def send(case: Any) -> None:
            answer = sender.send(label, case, allowed)
            if answer is not None and answer.status_code == 202:
                self._approve(proposed(answer))

        _run(send, seed, count)

    def _approve(self, approval_id: str) -> None:
        case = self._operations.example(APPROVE, approval_id=approval_id)
        case.headers[KEY] = f"approve-{approval_id}"
        self._senders["reviewer"].send(APPROVE, case, lambda _: None)

    def _reads(self, role: Role, seed: int, count: int) -> None:
        reader = self._readers[role]

        @given(self._queries.any())
        def send(query: Query) -> None:
            reader.send(query)

        _run(send, seed, count)

    def ready(self) -> None:
        """The server can still serve, or can once its worker is through."""
        until = time.monotonic() + READY_S
        while True:
            answer = requests.get(f"{self._base}/ready", timeout=30)
            if answer.status_code == 200:
                return
            if time.monotonic() > until:
                self._findings.fault("not ready", "GET /ready", "", answer.text)
                return
            time.sleep(0.5)


def _run(send: Callable[[], None], seed: int, count: int) -> None:
    quiet = settings(
        max_examples=count,
        database=None,
        deadline=None,
        derandomize=False,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        verbosity=Verbosity.quiet,
    )
    seeded(seed)(quiet(send))()


def _allowed(label: str, who: str) -> Callable[[int], str | None]:
    """What a role may be answered: a success only where the table of access has it."""
    permission = PERMISSIONS.get(label)

    def wrong(status: int) -> str | None:
        if permission is not None and status < 400 and who not in permission.roles:
            return f"{who} may not, and did"
        return None

    return wrong


def _incidents(log: IO[str]) -> list[str]:
    """What the server logged as an error or a traceback, as much as anybody reads."""
    log.seek(0)
    text = log.read()
    at = text.find("incident")
    return [text[max(0, at - 200) : at + 4_000]] if at >= 0 else []
