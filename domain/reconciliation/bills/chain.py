"""Running balances as a chain: each is the one before, plus what came in or less what went out."""

from collections.abc import Iterator

from domain.reconciliation.bills.fault import Fault, FaultCode
from domain.reconciliation.bills.line import Balance


class Chain:
    """Follows balances from the first row to the last, or the other way round where the newest
    stands first."""

    def __init__(self) -> None:
        self._first: tuple[int, int, int] | None = None  # When, balance, what the row adds.
        self._last = (0, 0, 0)
        self._line = 0
        self._forward = self._backward = True

    def take(self, number: int, at_us: int, balance_fen: int, signed_fen: int) -> None:
        """The next row of the file. Raises Fault(BALANCE_BROKEN)."""
        if self._first is None:
            self._first = (at_us, balance_fen, signed_fen)
        else:
            _, before, signed_before = self._last
            self._forward = self._forward and before + signed_fen == balance_fen
            self._backward = self._backward and balance_fen + signed_before == before
            if not (self._forward or self._backward):
                detail = "the balance is not the one before and what moved"
                raise Fault(number, FaultCode.BALANCE_BROKEN, detail)
        self._last, self._line = (at_us, balance_fen, signed_fen), number

    def ends(self) -> Iterator[Balance]:
        """The balance before all rows, and after them; nothing for no rows."""
        if self._first is None:
            return
        oldest, newest = self._first, self._last
        if not self._forward or (self._backward and oldest[0] > newest[0]):
            oldest, newest = newest, oldest
        yield Balance(self._line, "opening", oldest[1] - oldest[2])
        yield Balance(self._line, "closing", newest[1])
