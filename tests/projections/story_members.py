"""The part of the story that is about members: cards, what is withdrawn to them, forgetting."""

from typing import TYPE_CHECKING

from domain.kernel import day_end_us
from domain.member import commands as members
from domain.member.binding import BindCard, ClaimBinding, ConfirmCard, RecordBinding, UnbindCard
from domain.member.hooking import (
    AddEndpoint,
    ChangeEndpoint,
    PauseEndpoint,
    PingEndpoint,
    RedeliverEvent,
    RedeliverEvents,
    RemoveEndpoint,
    ResumeEndpoint,
    RotateSecret,
    StopEndpoint,
)
from domain.member.signing import Said
from domain.payment import asking
from domain.payment.commands import (
    RechargeWallet,
    RecordOutcome,
)
from domain.payment.forgetting import ForgetMember
from domain.settlement.withdrawing import (
    ApproveWithdrawal,
    InstructWithdrawal,
    RequestWithdrawal,
    TurnDownWithdrawal,
)
from domain.settlement.withdrawn import ReturnWithdrawal
from tests.examples import (
    BUYER,
    CARD,
    FRIEND,
    HOLDER,
    MERCHANT,
    PARTICULARS,
)

if TYPE_CHECKING:
    from tests.projections.story import Story


def endpoints(told: "Story") -> None:
    """One that is changed, rotated, paused and resumed; one paused for good; one removed, and added
    again under its name."""
    for name in ("shop", "backup", "old"):
        told.do(
            AddEndpoint(MERCHANT, name, f"https://{name}.example/hooks", ("payment.succeeded",))
        )
    told.do(ChangeEndpoint(MERCHANT, "shop", "https://shop.example/events"))
    told.do(RotateSecret(MERCHANT, "shop", 1))
    told.do(PauseEndpoint(MERCHANT, "shop"))
    told.do(RemoveEndpoint(MERCHANT, "old"))
    told.do(ResumeEndpoint(MERCHANT, "shop"))
    told.do(StopEndpoint(MERCHANT, "backup", 0, "tries", 42))
    told.do(RedeliverEvents(MERCHANT, "shop", 0, 40))
    told.do(RedeliverEvent(MERCHANT, "shop", 42))
    told.do(PingEndpoint(MERCHANT, "shop"))
    told.do(AddEndpoint(MERCHANT, "old", "https://new.example/hooks"))


def withdrawals(told: "Story") -> None:
    """One paid and returned, one that failed, one paid late, one turned down, one at T+1."""
    told.do(RechargeWallet("W10", FRIEND, "WECHAT_PAY", 5_000_000))
    told.succeed("pay-W10")
    told.do(BindCard(FRIEND, CARD, PARTICULARS, HOLDER, "7894"))
    _bank(told, 1, 1, Said("code_sent", "ICBC", "DEBIT", day_end_us(told.day)), FRIEND)
    told.do(ConfirmCard(FRIEND, CARD, "c0" * 16))
    _bank(told, 1, 2, Said("signed", agreement="A1"), FRIEND)
    for number in ("X1", "X2", "X3"):
        told.do(RequestWithdrawal(number, FRIEND, 10_000, 0))
    told.succeed("withdraw-X1")
    told.do(RecordOutcome("withdraw-X2", declined="card closed"))
    told.do(RecordOutcome("withdraw-X3", declined="card closed"))
    told.do(RequestWithdrawal("X4", FRIEND, 2_000_001, 0))
    told.do(TurnDownWithdrawal("X4", "looks odd"), actor="staff:zhao")
    told.do(RequestWithdrawal("X5", FRIEND, 2_000_001, 0, speed="T+1"))
    told.do(ApproveWithdrawal("X5"), actor="staff:zhao")
    told.do(asking.RecordAnswer("withdraw-X3", "succeeded", "S3"))
    told.next_day()
    told.do(InstructWithdrawal("X5"))
    told.succeed("withdraw-X5")
    told.do(asking.RecordAnswer("withdraw-X1", "returned", "S1R", reason="card closed"))
    told.do(ReturnWithdrawal("X3", "card closed"))
    told.do(RequestWithdrawal("X6", FRIEND, 2_000_001, 0))


def cards(told: "Story") -> None:
    """Cards bound, refused, verified again, unbound; an identity certified; members forgotten."""
    certified = members.CertifyMember(BUYER, 1, told.day, ("police",), HOLDER, PARTICULARS)
    told.do(certified)
    told.do(BindCard(BUYER, CARD, PARTICULARS, HOLDER, "7894"))
    _bank(told, 1, 1, Said("unknown", reason="NO_ANSWER"))
    told.count += 5_000_000
    _bank(told, 1, 2, Said("code_sent", "ICBC", "DEBIT", day_end_us(told.day)))
    told.do(ConfirmCard(BUYER, CARD, "c0" * 16))
    _bank(told, 1, 3, Said("code_wrong", tries_left=2))
    told.do(ConfirmCard(BUYER, CARD, "c1" * 16))
    _bank(told, 1, 4, Said("signed", agreement="A1"))
    told.do(BindCard(BUYER, CARD, "9b" * 16, HOLDER, "7894"))
    _bank(told, 2, 1, Said("code_sent", "ICBC", "DEBIT", day_end_us(told.day)))
    told.do(ConfirmCard(BUYER, CARD, "c2" * 16))
    _bank(told, 2, 2, Said("signed", agreement="A2"))
    told.do(BindCard(BUYER, "cb" * 16, "9c" * 16, HOLDER, "0001"))
    _bank(told, 3, 1, Said("refused", reason="NAME_WRONG"))
    told.do(BindCard(MERCHANT, "cc" * 16, "9d" * 16, HOLDER, "0002"))
    told.do(UnbindCard(BUYER, CARD, "lost"))
    _bank(told, 2, 3, Said("ended"))
    told.do(members.RegisterMember("PASSING", "personal", "过客"))
    told.do(ForgetMember("PASSING", told.day, 0, "asked by the member"))


def _bank(told: "Story", binding: int, attempt: int, said: Said, member_id: str = BUYER) -> None:
    told.do(ClaimBinding(member_id, binding, attempt))
    told.do(RecordBinding(member_id, binding, attempt, said))
