"""Deciding without recording: what would become of a request, if it were submitted now?"""

from collections.abc import Iterable
from typing import Any

from domain.commands import COMMANDS
from domain.eventstore.recorder import LedgerRecorder
from domain.kernel import Request, StateT, Stream
from domain.ledger import promised
from domain.ledger.states import fold_stream, fold_streams
from domain.ledger.unit import Held, Overlay, UnitOfWork
from domain.refusals import Refused


class Trial:
    """Requests decided one after another over what is committed; nothing is written.

    It promises nothing: what another process commits meanwhile may change the answer. References to
    single facts (a reversal's) are not looked up, and refuse.
    """

    def __init__(self, recorder: LedgerRecorder, requests: Iterable[Request] = ()) -> None:
        """`requests` are those to be decided: what they need is read in one query."""
        self._recorder = recorder
        promised_fen = promised.read(recorder, recorder.head().position).fen
        self._overlay = Overlay(self._fetch, lambda _: None, promised_fen)
        streams: set[Stream[Any]] = {
            Stream(stream)
            for one in requests
            for kept in [COMMANDS[type(one.command)]]
            for stream in (*kept.streams(one.command), *kept.begins(one.command))
        }
        for stream, (version, state) in fold_streams(recorder, streams).items():
            self._overlay.known[stream] = (version, state, None)

    def state(self, stream: "Stream[StateT]") -> StateT:
        """The state of a stream after the requests accepted so far."""
        state: StateT = self._overlay.known[stream][1]
        return state

    def accepts(self, request: Request) -> bool:
        """Whether a request would be accepted and record something; those after it see what."""
        unit = UnitOfWork(self._overlay, request.at_us, request.actor, request.number)
        try:
            COMMANDS[type(request.command)].handler(unit, request.command)
            unit.react()
        except Refused:
            return False
        self._overlay.accept(unit)
        return bool(unit.staged)

    def _fetch(self, stream: str) -> Held:
        known: Stream[Any] = Stream(stream)
        return (*fold_stream(self._recorder, known), None)
