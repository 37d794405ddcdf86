"""Sends generated queries in one role, and judges the answers."""

import json
from collections.abc import Sequence
from typing import Any

import requests
from graphql import GraphQLError, GraphQLSchema, parse, validate

from benchmarks.drills.generating.answers import Shapes, wrong_envelope
from benchmarks.drills.generating.findings import Findings
from benchmarks.drills.generating.writing import Query

TIMEOUT_S = 30
STATUSES = frozenset({200, 400, 414, 429, 503})  # With a good key, JSON, and 1 MiB at most.


class Reader:
    """`strangers` must not stand in any data: what is theirs answers as what does not exist."""

    def __init__(
        self,
        base: str,
        key: str,
        schema: GraphQLSchema,
        findings: Findings,
        strangers: Sequence[str] = (),
    ) -> None:
        self._url = f"{base}/graphql"
        self._schema = schema
        self._findings = findings
        self._strangers = strangers
        self._session = requests.Session()
        self._session.headers["Authorization"] = f"Bearer {key}"
        self._session.headers["Content-Type"] = "application/json"
        self.asked: set[str] = set()  # Fields of the schema that an answer was compared for.

    def close(self) -> None:
        self._session.close()

    def send(self, query: Query, where: str = "") -> None:
        variables = json.dumps(query.variables)
        sent = f'{{"query": {json.dumps(query.text)}, "variables": {variables}}}'
        shown = f"{query.text}\n{variables}"
        try:
            if query.by_url:
                asked = {"query": query.text, "variables": variables}
                answer = self._session.get(self._url, params=asked, timeout=TIMEOUT_S)
            else:
                answer = self._session.post(self._url, data=sent, timeout=TIMEOUT_S)
        except UnicodeError:
            return  # Half of a surrogate pair stands in no URL.
        except requests.exceptions.RequestException as error:
            self._findings.fault("no answer", where or "graphql", shown, error)
            return
        self._findings.answered(answer.status_code)
        for fault in self._faults(query, answer):
            self._findings.fault(fault, where or "graphql", shown, answer.text)

    def _faults(self, query: Query, answer: requests.Response) -> list[str]:
        if answer.status_code not in STATUSES:
            return [f"status {answer.status_code}"]
        try:
            said = answer.json()
        except ValueError:
            return ["not JSON"]
        if answer.status_code != 200:
            problem = answer.headers.get("content-type") == "application/problem+json"
            return [] if problem and said.get("code") else ["not a problem document"]
        wrong = wrong_envelope(said)
        if wrong:
            return [wrong]
        found = self._data_faults(query, said)
        text = json.dumps(said.get("data"), ensure_ascii=False)
        found += [f"shows {one} to a merchant" for one in self._strangers if one in text]
        return found

    def _data_faults(self, query: Query, said: dict[str, Any]) -> list[str]:
        try:
            document = parse(query.text)
        except GraphQLError:
            return [] if said.get("data") is None else ["a text that is no query has data"]
        if validate(self._schema, document):
            return [] if said.get("data") is None else ["a query that is not valid has data"]
        if said.get("data") is None:
            return []
        shapes = Shapes(self._schema, document)
        wrong = list(shapes.wrong(said["data"]))
        self.asked |= shapes.asked
        return wrong
