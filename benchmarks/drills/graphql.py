"""`zhangfang drill graphql`: generated queries, answered by plans and by the stock executor.

Every query is asked as each role and as a second merchant, with plans and without; the answers must
be the same bytes, refusals and nulls included. The same seed writes the same queries.
"""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import Random
from typing import Any

from api.cli.opening import open_desk
from api.graphql.schema import graphql_schema
from api.http.keys import create_key
from benchmarks.drills.generating.asking import Asking, Compared
from benchmarks.drills.generating.market import open_market
from benchmarks.drills.generating.queries import PLANNED, Queries
from benchmarks.drills.generating.shrinking import shrunk
from benchmarks.drills.generating.writing import Query
from domain.ledger.ledger import utc_us
from migrations.run import migrate

STRANGER = "stranger"  # Another merchant than the story's.
SHARE = 50  # Percent of the answers without errors that must come of plans.
MOST_FINDINGS = 10
TELL_EVERY = 500


def drill(url: str, tell: Callable[[str], None], *, seed: int, documents: int) -> dict[str, Any]:
    """Ask so many generated queries of an empty place for a ledger, after one of each root field.
    `passed` is what it comes to."""
    began = time.monotonic()
    with comparing(url) as (asked, queries):
        for _, text in queries.everything():
            asked.ask(Query(text, {}), "everything")
        for number in range(documents):
            if number % TELL_EVERY == 0:
                tell(f"{number} of {documents}")
            name = f"{seed}-{number}"
            asked.ask(queries.written(Random(name), PLANNED), name)
            if len(asked.findings) >= MOST_FINDINGS:
                break
        report = asked.report()
    enough = report["planned_percent"] >= SHARE
    return {
        "seed": seed,
        "documents": documents,
        "seconds": round(time.monotonic() - began, 1),
        **report,
        "passed": not report["findings"] and enough,
    }


@contextmanager
def comparing(url: str) -> Iterator[tuple["Comparing", Queries]]:
    """The story of the demo on an empty place for a ledger, and who asks there what of it."""
    migrate(url)
    market = open_market(url)
    with open_desk(url) as context:
        stranger = create_key(context.writes, "merchant", market.strangers[0], utc_us, "drill")
        keys = {str(role): key for role, key in market.keys.items()}
        asking = Asking(context, {**keys, STRANGER: stranger})
        try:
            schema = graphql_schema()
            cursors = _cursors(asking, Queries(schema, market.known))
            callers = (*sorted(keys), STRANGER)
            yield Comparing(asking, callers), Queries(schema, {**market.known, **cursors})
        finally:
            asking.close()


def _cursors(asking: Asking, queries: Queries) -> dict[str, list[str]]:
    """Cursors of real pages: `after.<field>` those of one list, `after` all there are."""
    found: dict[str, list[str]] = {"after": []}
    for _, text in queries.everything():
        answer = json.loads(asking.compared(Query(text, {}), "auditor").stock.body)
        for field, cursor in _edges(answer["data"], ""):
            found.setdefault(f"after.{field}", []).append(cursor)
            found["after"].append(cursor)
    return {name: [*cursors, found["after"][0]] for name, cursors in found.items()}


def _edges(value: Any, field: str) -> Iterator[tuple[str, str]]:
    """The cursors of an answer, each with the field whose list it is of."""
    if isinstance(value, list):
        for one in value:
            yield from _edges(one, field)
    elif isinstance(value, dict):
        for key, inner in value.items():
            if key == "cursor":
                yield field, inner
            else:
                yield from _edges(inner, field if key == "edges" else key)


class Comparing:
    """Asks each query as everybody, and keeps what was found."""

    def __init__(self, asking: Asking, callers: tuple[str, ...]) -> None:
        self._asking = asking
        self._callers = callers
        self.findings: list[dict[str, Any]] = []
        self._fields: set[str] = set()
        self._documents: set[str] = set()
        self._answers: Counter[str] = Counter()
        self._reasons: Counter[str] = Counter()

    def ask(self, query: Query, seed: str) -> None:
        self._documents.add(query.text)
        for who in self._callers:
            compared = self._asking.compared(query, who)
            self._count(compared)
            if compared.fault:
                self._found(query, who, compared, seed)

    def _count(self, compared: Compared) -> None:
        kind = "clean" if compared.clean else "with errors"
        by = "no executor" if compared.why is None else ("plan" if not compared.why else "stock")
        self._answers[f"{kind}, {by}"] += 1
        if compared.why and compared.clean:
            self._reasons[compared.why] += 1

    def _found(self, query: Query, who: str, compared: Compared, seed: str) -> None:
        def fails(other: Query) -> bool:
            return self._asking.compared(other, who).fault == compared.fault

        small = shrunk(query, fails)
        again = self._asking.compared(small, who)
        self.findings.append(
            {
                "fault": compared.fault,
                "seed": seed,
                "role": who,
                "query": query.text,
                "operation_name": query.operation_name,
                "variables": query.variables,
                "shrunk": {"query": small.text, "variables": small.variables},
                "planned": again.planned.body.decode(),
                "stock": again.stock.body.decode(),
            }
        )

    def report(self) -> dict[str, Any]:
        answers = dict(sorted(self._answers.items()))
        clean = sum(count for kind, count in answers.items() if kind.startswith("clean"))
        planned = answers.get("clean, plan", 0)
        return {
            "distinct": len(self._documents),
            "answers": answers,
            "planned_percent": round(100 * planned / clean) if clean else 0,
            "stock_because": dict(self._reasons.most_common()),
            "findings": self.findings,
        }
