"""What channels are asked for, as it stands on record: the outbox's reads of the ledger."""

import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from api.operations.payees import Wanted, account_of
from domain.kernel import StateT, Stream
from domain.ledger.ledger import Ledger
from domain.ledger.states import fold_streams
from domain.payment import contradiction, instruction
from domain.payment.instruction import State
from domain.payment.orders import network_order
from domain.refusals import Refused

log = logging.getLogger("zhangfang.outbox")


class AskedFor:
    """Instructions in the words of a channel's port. `in_thread` is where the ledger is read."""

    def __init__(self, ledger: Ledger, in_thread: Callable[[Callable[[], Any]], Any]) -> None:
        self._ledger = ledger
        self._in_thread = in_thread

    async def orders(self, ids: Sequence[str]) -> list[Wanted]:
        """As they are on record: a payout names a member, and its account by token. For those that
        were claimed here, or not claimed at all: what is asked for never changes, and what a claim
        says of it is in memory."""
        remembered = {one: self._ledger.remembered(instruction.stream(one)) for one in ids}
        read = await self.states([one for one, state in remembered.items() if state is None])
        states = {one: state or read[one] for one, state in remembered.items()}
        doubts = await self._doubts([one for one, state in states.items() if state.moved_fen])
        asked = (state.asked for state in states.values())
        originals = {one.original for one in asked if one is not None and one.original}
        found = await self.states(sorted(originals))
        orders: list[Wanted] = []
        for one, state in states.items():
            original = found.get(state.asked.original) if state.asked is not None else None
            try:
                order = network_order(one, state, original, doubts.get(one, ""))
            except Refused as no:
                log.warning("%s: %s", one, no)
                orders.append(Wanted(None))
                continue
            orders.append(Wanted(order, account_of(state, original)))
        return orders

    async def states(self, ids: Iterable[str]) -> dict[str, State]:
        """Of instructions, read now."""
        streams = {one: instruction.stream(one) for one in ids}
        read = await self._read(list(streams.values()))
        return {one: read[stream] for one, stream in streams.items()}

    async def _doubts(self, ids: Iterable[str]) -> dict[str, str]:
        """Of those that have succeeded: the charge that is to be asked about."""
        streams = {one: contradiction.stream(one) for one in ids}
        read = await self._read(list(streams.values()))
        return {one: contradiction.doubted_serial(read[stream]) for one, stream in streams.items()}

    async def _read(self, streams: "list[Stream[StateT]]") -> dict[str, StateT]:
        if not streams:
            return {}
        folded = await self._in_thread(lambda: fold_streams(self._ledger.recorder, streams))
        return {stream: folded[stream][1] for stream in streams}
