"""One fact of every stored name of orders of authorities: a court stops 100.00 of Li Lei's, and
takes it."""

from datetime import date

from domain.accounting import account
from domain.accounting.rules import deduction as rules
from domain.authority import deduction, order
from domain.kernel import Fact
from domain.payment.asked import Destination
from domain.screening import lists, match

ACCOUNT, BUYER, BANK, AMOUNT = "2241.01.LILEI", "LILEI", "BANK_TRANSFER", 10_000
DAY, ENDS, LONGER = date(2010, 12, 1), date(2011, 5, 31), date(2011, 11, 30)
DOCUMENT, DEDUCTION_DOCUMENT = "(2010)京0105执123号", "(2010)京0105执123号之一"
TO_COURT = Destination("c0" * 16, "1c" * 16, "6677")

BLOB = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
EXAMPLES: dict[str, Fact] = {
    "lists.loaded.1": lists.Loaded("UNSC", 3, BLOB, 700, 300),
    "lists.reached.1": lists.Reached(3, "LILEI", 500, False),
    "screening.matched.1": match.Matched(
        "UNSC", 3, "QDi-001", "5f" * 16, "identity", "stop", False
    ),
    "screening.confirmed.1": match.Confirmed("UNSC", "QDi-001", "staff:zhao", "same birthday"),
    "screening.cleared.1": match.Cleared("UNSC", "QDi-001", "staff:zhao", "another birthday"),
    "account.hold_taken.1": account.HoldTaken("pay-P1001", 2_000),
    "account.attached.1": account.Attached("F1001", AMOUNT),
    "account.attached_changed.1": account.AttachedChanged("F1001", -4_000, 6_000),
    "account.detached.1": account.Detached("F1001", 6_000),
    "authority.order_placed.1": order.Placed(
        order.Terms("COURT", DOCUMENT, ACCOUNT, BUYER, AMOUNT, DAY, ENDS)
    ),
    "authority.order_extended.1": order.Extended("(2010)京0105执123号之二", LONGER),
    "authority.order_lifted.1": order.Lifted("(2010)京0105执123号之三", DAY),
    "authority.order_ended.1": order.Ended(date(2011, 12, 1)),
    "authority.order_asked.1": order.Asked("K1001", AMOUNT),
    "authority.order_asked_late.1": order.AskedLate("K1001", AMOUNT, 4_000),
    "authority.order_paid.1": order.Paid("K1001", AMOUNT, True),
    "authority.order_came_back.1": order.CameBack("K1001", AMOUNT, False),
    "deduction.asked.1": deduction.Asked(
        "F1001",
        DEDUCTION_DOCUMENT,
        ACCOUNT,
        BUYER,
        AMOUNT,
        TO_COURT,
        "staff:lin",
        rules.deduction_asked(DAY, ACCOUNT, AMOUNT),
    ),
    "deduction.succeeded.1": deduction.Succeeded(
        AMOUNT, rules.deduction_succeeded(DAY, BANK, AMOUNT)
    ),
    "deduction.failed.1": deduction.Failed(
        "no such account", AMOUNT, rules.deduction_given_back(DAY, ACCOUNT, AMOUNT)
    ),
    "deduction.succeeded_late.1": deduction.SucceededLate(
        AMOUNT, rules.deduction_succeeded_late_kept(DAY, BANK, AMOUNT)
    ),
    "deduction.returned.1": deduction.Returned(
        "account closed", AMOUNT, rules.deduction_returned(DAY, BANK, ACCOUNT, AMOUNT)
    ),
}
