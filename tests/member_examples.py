"""One fact of every stored name of what a member has beside its money: cards, certificates,
endpoints; what two persons agree on; and a session of the cashier."""

from datetime import date

from domain.approval import approval
from domain.cashier import session
from domain.kernel import DAY_US, Fact
from domain.member import card, certificate, member, staff, webhook

BUYER, ORDER_NO = "LILEI", "JD1001"
PAID_AT = 1_291_168_800_000_000  # 2010-12-01T10:00:00+08:00
DIGEST = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
CARD, PARTICULARS, HOLDER = "ca" * 16, "9a" * 16, "0d" * 16  # Tokens of the vault.

EXAMPLES: dict[str, Fact] = {
    "staff.appointed.1": staff.Appointed("zhao", "reviewer"),
    "staff.dismissed.1": staff.Dismissed("zhao"),
    "member.forgotten.1": member.Forgotten(date(2010, 12, 1), 10, "asked by the member"),
    "webhook.endpoint_added.1": webhook.EndpointAdded(
        "shop", "https://squirrels.example/hooks", ("payment.succeeded", "refund.succeeded"), 1
    ),
    "webhook.endpoint_changed.1": webhook.EndpointChanged(
        "shop", "https://squirrels.example/events", ()
    ),
    "webhook.secret_rotated.1": webhook.SecretRotated("shop", 2, 1, PAID_AT + 86_400_000_000),
    "webhook.paused.1": webhook.Paused("shop", "tries", 42),
    "webhook.resumed.1": webhook.Resumed("shop"),
    "webhook.endpoint_removed.1": webhook.EndpointRemoved("shop"),
    "webhook.redelivery_asked.1": webhook.RedeliveryAsked("shop", 41, 42),
    "webhook.pinged.1": webhook.Pinged("shop"),
    "card.binding_requested.1": card.BindingRequested(
        1, "personal", CARD, PARTICULARS, HOLDER, "7894", "", ""
    ),
    "card.attempted.1": card.Attempted(1, 1, "sign", PAID_AT + 60_000_000),
    "card.unanswered.1": card.Unanswered(1, 1, "no_answer", PAID_AT + 5_000_000),
    "card.code_sent.1": card.CodeSent(1, "ICBC", "DEBIT", PAID_AT + 300_000_000),
    "card.code_given.1": card.CodeGiven(1, 1, "c0" * 16),
    "card.code_wrong.1": card.CodeWrong(1, 2),
    "card.bound.1": card.Bound(1, CARD, "ICBC20101201000001", 0),
    "card.binding_refused.1": card.BindingRefused(1, "NAME_WRONG"),
    "card.default_set.1": card.DefaultSet(CARD),
    "card.unbound.1": card.Unbound(1, CARD, "lost"),
    "card.ended.1": card.Ended(1),
    "certificate.registered.1": certificate.Registered(DIGEST, "ed25519"),
    "certificate.revoked.1": certificate.Revoked(DIGEST, "the key was lost"),
    "approval.proposed.1": approval.Proposed(
        "payout_retry",
        "payout-SQUIRRELS-2010-12-08-1",
        '{"batch_id":"SQUIRRELS-2010-12-08","payout_no":"payout-SQUIRRELS-2010-12-08-1"}',
        "staff:lin",
        PAID_AT + 11 * DAY_US,
        "",
        None,
    ),
    "approval.approved.1": approval.Approved("staff:zhao"),
    "approval.refused.1": approval.TurnedDown("staff:zhao", "the account is not verified"),
    "approval.withdrawn.1": approval.Withdrawn(),
    "approval.expired.1": approval.Expired(),
    "cashier.opened.1": session.Opened(
        "order", ORDER_NO, BUYER, 10_000, "https://shop.example/orders/JD1001", PAID_AT
    ),
    "cashier.attempted.1": session.Attempted(1, "S1001-1", "JD_PAY", (), 10_000),
    "cashier.withdrew.1": session.Withdrew(
        1, "S7001-1", 20_000, 20, "T+0", CARD, "5f2b0c9e7d1a4f33", ("password", "code")
    ),
    "cashier.cancelled.1": session.Cancelled("the shop has closed"),
}
