"""How merchants of a feed are settled, where its merchants file does not say: data (TOML or JSON),
a table for each merchant, checked before anything is booked. `docs/feed-map.md` has an example.

A merchants file has a cycle, and no more; what is told here goes before it.
"""

from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from api.operations.feed.mapping import read_settings
from api.operations.feed.reader import Feed
from api.operations.feed.rows import MerchantRow
from domain.member.terms import SettlementTerms, check_settlement_terms
from domain.refusals import Code, Refused


class MerchantTerms(Struct, frozen=True, forbid_unknown_fields=True):
    """The terms of one merchant; without a cycle that of the merchants file holds."""

    settlement_cycle: str | None = None
    max_transfer_fen: int | None = None
    min_payout_fen: int = 0
    reserve_bps: int = 0
    reserve_days: int = 0

    def of(self, row: MerchantRow) -> SettlementTerms:
        """The terms of a merchant of the feed."""
        return SettlementTerms(
            self.settlement_cycle or row.settlement_cycle,
            self.max_transfer_fen,
            self.min_payout_fen,
            self.reserve_bps,
            self.reserve_days,
        )


FeedTerms = Mapping[str, MerchantTerms]
NONE: FeedTerms = {}


def read_terms(path: Path) -> FeedTerms:
    """The terms of a file, by merchant. Raises Refused(REQUEST_INVALID | TERMS_INVALID) naming the
    field, such as `terms.SHOP22.reserve_days`."""
    found = read_settings(path, "terms", dict[str, MerchantTerms])
    for merchant, terms in found.items():
        if terms.settlement_cycle == "":
            raise Refused(Code.TERMS_INVALID, f"terms.{merchant[:40]}.settlement_cycle", "is empty")
        row = MerchantRow(merchant, merchant, 0, "T+1")
        try:
            check_settlement_terms(terms.of(row))
        except Refused as no:
            raise Refused(no.code, f"terms.{merchant[:40]}.{no.field}", no.detail) from None
    return found


def refuse_strangers(feed: Feed, terms: FeedTerms) -> None:
    """A name that is mistyped must not leave a merchant without its terms. Raises
    Refused(MEMBER_NOT_FOUND) for a merchant that the feed does not list."""
    known = {row.merchant for row in feed.merchants}
    for merchant in terms:
        if merchant not in known:
            detail = "the merchants file of the feed does not list it"
            raise Refused(Code.MEMBER_NOT_FOUND, f"terms.{merchant[:40]}", detail)
