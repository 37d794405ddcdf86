"""What is sold, by whom: three merchants of the story. Prices are fen."""

from collections.abc import Sequence
from typing import NamedTuple


class Goods(NamedTuple):
    sku: str
    merchant: str
    name: str
    english: str
    fen: int


MERCHANTS = {"SANZHI": "三只松鼠", "LONGJING": "龙井茶庄", "SHUFANG": "随园书坊"}
SHELF = {
    one.sku: one
    for one in (
        Goods("nuts-daily", "SANZHI", "每日坚果", "daily nuts", 5_900),
        Goods("nuts-gift", "SANZHI", "坚果礼盒", "a gift box of nuts", 10_000),
        Goods("tea-early", "LONGJING", "明前龙井", "first flush tea", 12_800),
        Goods("tea-tin", "LONGJING", "茶叶罐", "a tea tin", 9_900),
        Goods("book-food", "SHUFANG", "《随园食单》", "a book on food", 4_580),
        Goods("book-dream", "SHUFANG", "《红楼梦》", "Dream of the Red Chamber", 12_000),
    )
}


class Line(NamedTuple):
    """What one merchant sells in an order."""

    merchant: str
    amount_fen: int
    subject: str
    items: int


def lines(skus: Sequence[str]) -> tuple[Line, ...]:
    """An order's lines, one to a merchant; unknown goods are left out."""
    chosen = [SHELF[sku] for sku in dict.fromkeys(skus) if sku in SHELF]
    found = []
    for merchant in MERCHANTS:
        of_it = [one for one in chosen if one.merchant == merchant]
        if of_it:
            subject = "、".join(one.name for one in of_it)
            found.append(Line(merchant, sum(one.fen for one in of_it), subject, len(of_it)))
    return tuple(found)


def yuan(fen: int) -> str:
    return f"{fen // 100:,}.{fen % 100:02d}"
