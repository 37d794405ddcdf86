"""Commands of a session that is for a withdrawal: open it, and let money leave by it."""

from domain.cashier import session
from domain.cashier.commands import MAX_URL
from domain.cashier.session import LONGEST_NO, Leaving, Opened, Wish
from domain.fields import checked_member_id, checked_number, is_web_address
from domain.kernel import Command, Unit, iso_time
from domain.member import member
from domain.member.binding import checked_token
from domain.money import fen
from domain.payment import withdrawal
from domain.payment.proof import Out, Proof, refuse_unfit
from domain.payment.withdrawal_terms import Speed
from domain.refusals import Code, Refused
from domain.settlement.withdrawing import RequestWithdrawal, request_withdrawal

HALF_AN_HOUR_S = 1800
GIVEN_BACK = frozenset({"failed", "turned_down", "returned"})  # The wallet has the money again.


class OpenWithdrawal(Command, frozen=True):
    """For the owner of a wallet, who says how much where `amount_fen` does not. `return_url`: where
    it goes back to."""

    session_no: str
    member_id: str
    amount_fen: int | None = None
    return_url: str = ""
    seconds: int = HALF_AN_HOUR_S


class WithdrawBySession(Command, frozen=True):
    """The owner's n-th withdrawal by a session, at the fee that was shown, to one card. `proof`:
    how the owner agreed to it."""

    session_no: str
    attempt: int
    fee_fen: int
    card: str
    proof: Proof
    speed: Speed = "T+0"
    amount_fen: int | None = None


def open_withdrawal(unit: Unit, command: OpenWithdrawal) -> dict[str, object]:
    """Raises REQUEST_INVALID, SESSION_EXISTS, MEMBER_NOT_FOUND, MEMBER_KIND_WRONG, AMOUNT_*."""
    number = checked_number(command.session_no, "session_no", longest=LONGEST_NO)
    if command.return_url and not is_web_address(command.return_url, MAX_URL):
        raise Refused(Code.REQUEST_INVALID, "return_url", "an address with http or https")
    owner = unit.load(member.stream(checked_member_id(command.member_id)))
    member.need(owner)
    if owner.kind != "personal":
        raise Refused(Code.MEMBER_KIND_WRONG, "member_id", "only personal members have a wallet")
    if command.amount_fen is not None:
        fen(command.amount_fen, "amount_fen")
    whose = command.member_id
    wish = Wish("withdrawal", whose, whose, command.amount_fen, command.return_url)
    stream = session.stream(number)
    facts = session.open_for(unit.load(stream), wish, unit.at_us, command.seconds)
    unit.record(stream, facts)
    kept = session.needed(unit.load(stream))
    return {"session_no": number, "expires_at": iso_time(kept.expires_us)}


def withdraw_by_session(unit: Unit, command: WithdrawBySession) -> dict[str, object]:
    """Raises what `session.withdraw` raises, PROOF_UNFIT, PROOF_EXPIRED, and what asking for a
    withdrawal does: then the attempt was not made."""
    number = checked_number(command.session_no, "session_no", longest=LONGEST_NO)
    checked_token(command.card, "card")
    stream = session.stream(number)
    state = unit.load(stream)
    opened = session.needed(state)
    if opened.purpose != "withdrawal":
        raise Refused(Code.REQUEST_INVALID, "session_no", "it is for no withdrawal")
    amount_fen = _amount(opened, command.amount_fen)
    fee_fen = fen(command.fee_fen, "fee_fen", minimum=0)
    proof = command.proof
    leaving = Leaving(amount_fen, fee_fen, command.speed, command.card, proof.proof, proof.factors)
    ended = state.withdrew is None or _has_come_back(unit, state.withdrew)
    facts = session.withdraw(state, number, command.attempt, leaving, unit.at_us, ended=ended)
    withdrawal_no = session.payment_no(number, command.attempt)
    if facts:
        out = Out("withdrawal", opened.payer, withdrawal_no, command.card, amount_fen + fee_fen)
        refuse_unfit(proof, out, unit.at_us)
        unit.record(stream, facts)
        wanted = RequestWithdrawal(
            withdrawal_no, opened.payer, amount_fen, fee_fen, command.card, command.speed
        )
        request_withdrawal(unit, wanted)
    return {"session_no": number, "attempt": command.attempt, "withdrawal_no": withdrawal_no}


def _amount(opened: Opened, said_fen: int | None) -> int:
    if opened.amount_fen is None:
        if said_fen is None:
            raise Refused(Code.AMOUNT_INVALID, "amount_fen", "how much is to be withdrawn?")
        return fen(said_fen, "amount_fen")
    if said_fen not in (None, opened.amount_fen):
        raise Refused(Code.REQUEST_INVALID, "amount_fen", "the session has its own")
    return opened.amount_fen


def _has_come_back(unit: Unit, made: session.Withdrew) -> bool:
    return unit.load(withdrawal.stream(made.withdrawal_no)).status in GIVEN_BACK
