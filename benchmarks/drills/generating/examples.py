"""Sends the examples of the OpenAPI document: each operation's own, as the institution.

Whatever generated requests happen to do, so every operation is seen to succeed, or is refused for
what is in the books. An example that is refused is sent again after the others, as long as that
lets another succeed: what it is about may have come to be meanwhile. What needs a second person is
approved by one.
"""

import json
from collections.abc import Iterator
from typing import Any

from api.http.access import PERMISSIONS
from benchmarks.drills.generating.commands import KEY, MALFORMED, Operations, Sender, said
from benchmarks.drills.generating.findings import Findings

TOKEN = "card"  # What no example can know of its own operation's path: the vault makes it.
APPROVE = "POST /v1/approvals/{approval_id}/approve"
MOST_ROUNDS = 5
# A status by which the books refuse; any other is about the request, the caller or the server.
BY_THE_BOOKS = frozenset({404, 409, 422})


class Examples:
    """Sends the examples by one person's key, or another's what is for that office; what the first
    proposes the other approves."""

    def __init__(
        self, operations: Operations, cashier: Sender, reviewer: Sender, findings: Findings
    ) -> None:
        self._operations = operations
        self._cashier, self._reviewer = cashier, reviewer
        self._findings = findings
        self._sent = 0
        self._token = ""

    def send(self) -> None:
        # What is taken away is taken away last.
        waiting = sorted(self._operations.labels, key=lambda one: one.startswith("DELETE"))
        for _ in range(MOST_ROUNDS):
            refused = [label for label in waiting if not self._succeeds(label)]
            if len(refused) in (0, len(waiting)):
                return
            waiting = refused

    def _succeeds(self, label: str) -> bool:
        permission = PERMISSIONS.get(label)
        theirs = permission is not None and "cashier" not in permission.roles
        path = {TOKEN: self._token} if self._token and f"{{{TOKEN}}}" in label else {}
        answer = self._asked(self._reviewer if theirs else self._cashier, label, **path)
        if answer is None:
            return False
        if answer.status_code == 202:
            self._asked(self._reviewer, APPROVE, approval_id=proposed(answer))
        return bool(answer.status_code < 300)

    def _asked(self, sender: Sender, label: str, **path: str) -> Any:
        case = self._operations.example(label, **path)
        self._sent += 1
        # A refusal is kept under the number of its request, so every one has a number of its own.
        if KEY in case.headers:
            case.headers[KEY] = f"example-{self._sent}"
        shown = sender.shown(label, case)
        if not self._operations.fitting[label](case):
            self._findings.fault("its own example does not fit", label, shown, "")
        answer = sender.send(label, case, lambda _: None)
        if answer is None:
            return None
        code, field = said(answer, "code"), said(answer, "field")
        told = f"{answer.status_code} {code}".strip()
        before = self._findings.examples.get(label, "")
        if not before.startswith("2"):
            self._findings.examples[label] = told
        if answer.status_code < 300:
            for name, value in _named(answer):
                self._operations.learn(name, value)
                self._token = value if name == TOKEN else self._token
        elif answer.status_code not in BY_THE_BOOKS or code in MALFORMED:
            where = f"{label} {field}".strip()
            self._findings.fault(f"its own example is refused: {told}", where, shown, answer.text)
        return answer


def proposed(answer: Any) -> str:
    """The id of what was proposed."""
    return str(json.loads(answer.content)["result"]["approval_id"])


def _named(answer: Any) -> Iterator[tuple[str, str]]:
    """The texts that an answer gives back by name: numbers and ids of what is in the books now."""
    try:
        found = json.loads(answer.content).get("result")
    except (ValueError, AttributeError):
        return
    if not isinstance(found, dict):
        return
    for name, value in found.items():
        if isinstance(value, str) and name.endswith(("_no", "_id", "card", "certificate")):
            yield name, value
