"""Cards at the banks: what is committed is asked of them, and what they say is recorded.

    due, by the read model ──claim: a commit──▶ asked, in clear from the vault ──▶ said: a commit
          ▲                                                                          │
          └────────────────── when to ask again stands in the facts ◀────────────────┘

The sibling of the outbox: nothing is held while a network is waited for, a claim is the lock
between two that ask, and what a process lost is asked again when its claim has run out. Particulars
are read from the vault for the one request that needs them; a code goes from it with its answer.
"""

import asyncio
import logging
import threading
from collections.abc import Callable

from msgspec import Struct
from sqlalchemy import Engine

from api.operations.personal import CODE, Personal
from domain.channel.adapters.deadline import within
from domain.channel.cards import CardBank, Reply, signing_number
from domain.kernel import Command, Request
from domain.ledger.answer import Answer
from domain.ledger.ledger import Ledger, utc_us
from domain.member.binding import ClaimBinding, RecordBinding
from domain.member.signing import Said
from domain.refusals import Refused
from projections.models import cards
from projections.models.cards import Card

log = logging.getLogger("zhangfang.cards")

BINDER = "system:cards"
POLL_S = 0.5
BATCH = 16  # Banks asked at once.
DEADLINE_S = 15.0
AGAIN_US = 5_000_000  # After a claim that was not made, or an answer that was refused.


class BinderStatus(Struct):
    """What operators see: requests made, and the last trouble (UTC µs, text)."""

    made: int = 0
    trouble_at_us: int | None = None
    trouble: str = ""


class Binder:
    """Runs in a thread of its own; `turn` is for whoever wants to step it."""

    def __init__(
        self,
        personal: Personal,
        bank: CardBank,
        reads: Engine,
        clock: Callable[[], int],
        *,
        factor: int = 1,
        wall: Callable[[], int] = utc_us,
    ) -> None:
        """`clock` is the books' (UTC µs), running `factor` times as fast as the wall's, by which
        requests are signed. `bank` is this thread's own: connections belong to a loop."""
        self._personal = personal
        self._bank = bank
        self._ledger: Ledger = personal.ledger
        self._reads = reads
        self._clock = clock
        self._factor = factor
        self._wall = wall
        self._told: dict[str, int] = {}  # Attempts the read model may not know of yet.
        self._passed: dict[str, int] = {}  # When to look again at those that were not claimed.
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="cards", daemon=True)
        self.status = BinderStatus()

    def start(self) -> None:
        """Whoever keeps the read models up calls `wake` when they have gone on."""
        self._thread.start()

    def stop(self) -> None:
        """Finish the turn under way and end the thread."""
        self._stop.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join()

    def wake(self) -> None:
        """Something may be due. From any thread."""
        self._wake.set()

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        try:
            while not self._stop.is_set():
                self._wake.clear()
                made = 0
                try:
                    made = await self.turn()
                    self.status.trouble_at_us, self.status.trouble = None, ""
                except Exception as error:  # Operators see what hinders it; it goes on.
                    self.status.trouble_at_us = self._clock()
                    self.status.trouble = type(error).__name__
                    log.exception("a turn with the banks failed; it tries again")
                if not made:
                    await asyncio.to_thread(self._wake.wait, POLL_S)
        finally:
            await self._bank.aclose()

    async def turn(self) -> int:
        """Ask what is due now, and record what is said: how many requests were made."""
        if not self._personal.is_open:
            return 0
        now_us = self._clock()
        rows = await asyncio.to_thread(self._due, now_us)
        made = await asyncio.gather(*(self._attempt(row, now_us) for row in rows))
        return sum(made)

    def _due(self, now_us: int) -> list[Card]:
        self._passed = {one: until for one, until in self._passed.items() if until > now_us}
        with self._reads.connect() as view:
            found = cards.due(view, now_us, BATCH + len(self._told) + len(self._passed))
        named = {row.binding_id: row.attempts for row in found}
        self._told = {
            one: attempt for one, attempt in self._told.items() if named.get(one, attempt) < attempt
        }
        skipped = self._told.keys() | self._passed.keys()
        return [row for row in found if row.binding_id not in skipped][:BATCH]

    async def _attempt(self, row: Card, now_us: int) -> int:
        attempt = row.attempts + 1
        claim = ClaimBinding(row.member_id, row.binding, attempt)
        number = f"claim-card:{row.binding_id}:{attempt}:{now_us}"
        claimed = await self._submit(number, claim, now_us)
        ask = "" if claimed.replayed or claimed.result is None else str(claimed.result["ask"])
        if not ask:
            self._passed[row.binding_id] = now_us + AGAIN_US * self._factor
            await asyncio.to_thread(self._drop, row)  # It may have been late, and so is over.
            return 0
        self._told[row.binding_id] = attempt
        try:
            reply = await within(self._asked(row, ask), DEADLINE_S)
        except Exception as error:  # Its text may hold anything.
            log.error("asking the bank about %s failed: %s", row.binding_id, type(error).__name__)
            reply = Reply("unknown", reason="FAILED")
        await self._record(row, attempt, ask, reply or Reply("unknown", reason="NO_ANSWER"))
        self.status.made += 1
        return 1

    async def _asked(self, row: Card, ask: str) -> Reply:
        bank, number = self._bank, signing_number(row.member_id, row.binding)
        if ask == "end":
            return await bank.end(number, self._wall())
        if ask == "confirm":
            code = await asyncio.to_thread(self._personal.code, row.member_id, row.code)
            if code is None:  # Lost with a vault that was restored: it can be given again.
                return Reply("code_wrong", tries_left=1)
            return await bank.confirm(number, row.codes, code, self._wall())
        what = await asyncio.to_thread(self._personal.particulars, row.member_id, row.particulars)
        if what is None:
            return Reply("refused", reason="PARTICULARS_GONE")
        return await bank.sign(number, what, self._wall())

    async def _record(self, row: Card, attempt: int, ask: str, reply: Reply) -> None:
        said = Said(
            reply.kind,
            reply.bank,
            reply.card_kind,
            reply.expires_us,
            reply.agreement,
            reply.tries_left,
            reply.reason,
        )
        command = RecordBinding(row.member_id, row.binding, attempt, said)
        number = f"said-card:{row.binding_id}:{attempt:08}"
        answer = await self._submit(number, command, self._clock())
        if answer.refused is not None:
            log.warning("%s: %s", row.binding_id, answer.refused.code)
            return
        await asyncio.to_thread(self._drop, row, ask == "confirm" and reply.kind != "unknown")

    def _drop(self, row: Card, code: bool = False) -> None:
        """What is not needed any more goes from the vault: a code that was used, particulars of a
        card that was never bound."""
        try:
            if code:
                self._personal.vault.drop(row.member_id, CODE, row.code)
            self._personal.drop_unneeded(row.member_id, row.particulars)
        except Refused as no:
            log.warning("%s: %s", row.binding_id, no.code)

    async def _submit(self, number: str, command: Command, at_us: int) -> Answer:
        return await self._ledger.submit_async(Request(number, at_us, BINDER, command))
