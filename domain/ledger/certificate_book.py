"""Certificates of the reserve against the facts: `verify` remembers what each business day came to
when it was closed, and compares what is certified of it later."""

from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from datetime import date
from typing import NamedTuple

from domain.accounting import account
from domain.accounting.chart import split_id
from domain.clearing import certificate, day
from domain.clearing.certificate import Total
from domain.kernel import Recorded
from domain.refusals import Refused

Report = Callable[[str, str, str], None]


class Closing(NamedTuple):
    """Where a day was closed, and what every code had come to."""

    position: int
    totals: tuple[Total, ...]


class CertificateBook:
    """What each closed day came to, from the postings alone."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._debits_fen: defaultdict[str, int] = defaultdict(int)  # Less credits, by code.
        self._closed: dict[date, Closing] = {}
        self._new: list[date] = []  # Closed in the commit at hand.
        self._hashes: dict[date, str] = {}

    def take(self, recorded: Recorded, where: str) -> None:
        fact = recorded.fact
        if isinstance(fact, account.Posted):
            with suppress(Refused):  # What the chart does not have is another check's finding.
                code = split_id(account.id_of(recorded.stream))[0]
                self._debits_fen[code] += sum(
                    line.debit_fen - line.credit_fen for line in fact.lines
                )
        elif isinstance(fact, day.Closed):
            totals = certificate.totals_of(self._debits_fen)
            self._closed[fact.date] = Closing(recorded.position, totals)
            self._new.append(fact.date)
        elif isinstance(fact, certificate.Certified):
            self._compare(certificate.date_of(recorded.stream), fact, where)

    def end_commit(self, commit_hash: bytes) -> None:
        for on in self._new:
            self._hashes[on] = commit_hash.hex()
        self._new.clear()

    def _compare(self, on: date, said: certificate.Certified, where: str) -> None:
        found = self._closed.get(on)
        if found is None or on not in self._hashes:
            self._report("certificates", where, f"{on} is certified, and was not closed before")
            return
        if (said.position, said.head_hash) != (found.position, self._hashes[on]):
            detail = f"{on} was closed at position {found.position}, another is certified"
            self._report("certificates", where, detail)
        if said.totals != found.totals:
            wrong = sorted({one.code for one in set(said.totals) ^ set(found.totals)})
            self._report("certificates", where, f"{on}: {', '.join(wrong)} came to other figures")
