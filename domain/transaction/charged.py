"""What of a transaction is charged back (拒付) and not won: in all no more than was paid for it."""

from msgspec import Struct
from msgspec.structs import replace

from domain.refusals import Code, Refused


class Charged(Struct, frozen=True, gc=False):
    """`parts`: chargebacks that may be won yet, and how many fen each is; `lost_fen`: of those that
    are lost or accepted. `unsaid`: what was reserved after the release by facts that do not say
    whether it is for a refund or for a chargeback."""

    parts: tuple[tuple[str, int], ...] = ()
    lost_fen: int = 0
    unsaid: tuple[str, ...] = ()

    @property
    def whole_fen(self) -> int:
        return self.lost_fen + sum(fen for _, fen in self.parts)

    def has(self, chargeback: str) -> bool:
        return any(one == chargeback for one, _ in self.parts)

    def reserved(self, by: str, amount_fen: int, charged_fen: int, *, released: bool) -> "Charged":
        """Refunds wait after the release only: before it, a chargeback is all that reserves. Older
        facts say of it what was reserved, no more (`charged_fen` is 0)."""
        if not charged_fen and released:
            return replace(self, unsaid=(*self.unsaid, by))
        return replace(self, parts=(*self.parts, (by, charged_fen or amount_fen)))

    def ended(self, by: str) -> "Charged":
        parts = tuple(one for one in self.parts if one[0] != by)
        unsaid = tuple(one for one in self.unsaid if one != by)
        return replace(self, parts=parts, unsaid=unsaid)

    def lost(self, charged_fen: int) -> "Charged":
        """What has ended counts on."""
        return replace(self, lost_fen=self.lost_fen + charged_fen)


def refuse_beyond_paid(paid_fen: int, before_fen: int, amount_fen: int) -> None:
    """`before_fen`: what is charged back already. What was refunded can be charged back all the
    same: channels do that. Raises Refused(CHARGEBACK_EXCEEDS_PAID)."""
    if amount_fen > paid_fen - before_fen:
        detail = f"{amount_fen} fen asked, {paid_fen} fen were paid"
        if before_fen:
            detail += f", {before_fen} fen are charged back already"
        raise Refused(Code.CHARGEBACK_EXCEEDS_PAID, "amount_fen", detail)
