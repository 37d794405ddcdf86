"""Orders of authorities beside the books: the account that money is taken to, which the vault
keeps, and the timer that ends orders whose last date is over."""

from msgspec import Struct

from api.operations.desk import Desk, in_chunks, request
from api.operations.personal import ACCOUNT, Personal
from domain.accounting.chart import split_id
from domain.authority import order
from domain.authority.commands import DeductMoney, EndOrder
from domain.kernel import shanghai_date
from domain.member import member
from domain.member.particulars import checked_account, checked_name
from projections.models import authority_orders

MOST = 500  # Of one round.


class DeductionWanted(Struct, frozen=True, forbid_unknown_fields=True):
    """What a document asks, with the account it names in clear. Printed, it shows no account. Where
    nothing was stopped before, `authority` and `account` say whose it is and what it takes from."""

    deduction_no: str
    order_no: str
    document: str
    amount_fen: int
    payee_number: str
    payee_name: str
    authority: str = ""
    account: str = ""

    def __repr__(self) -> str:
        return f"DeductionWanted({self.deduction_no}, …)"


def deduct(personal: Personal, wish: DeductionWanted) -> DeductMoney:
    """The command; the account goes into the vault, beside what is known of whose money it is.

    Raises Refused: VAULT_LOCKED, AUTHORITY_ORDER_NOT_FOUND, MEMBER_NOT_FOUND, MEMBER_FORGOTTEN,
    PARTICULARS_INVALID.
    """
    number = checked_account(wish.payee_number, "payee_number")
    name = checked_name(wish.payee_name, "payee_name")
    vault = personal.vault
    if wish.account:
        member_id = split_id(wish.account)[1]
    else:
        member_id = order.needed(personal.ledger.state(order.stream(wish.order_no))).member_id
    member.need(personal.ledger.state(member.stream(member_id)))
    key = vault.key_of(member_id)
    particulars = key.token("payee", number, name)
    vault.keep(key, ACCOUNT, particulars, {"number": number, "name": name})
    return DeductMoney(
        wish.deduction_no,
        wish.order_no,
        wish.document,
        wish.amount_fen,
        key.token("card", number),
        particulars,
        number[-4:],
        wish.authority,
        wish.account,
    )


def end_over(desk: Desk, now_us: int) -> int:
    """End orders whose last date is over, in Shanghai: how many there were. Again: nothing."""
    today = shanghai_date(now_us)
    with desk.engine.connect() as view:
        over = authority_orders.over(view, today, MOST)
    ended = [request(f"authority.end:{one}:{today}", now_us, EndOrder(one)) for one in over]
    in_chunks(desk.ledger, ended)
    return len(ended)
