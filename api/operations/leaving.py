"""The timer of withdrawals: those that are due are instructed, on the day that is open."""

import logging
from datetime import date

from api.operations.desk import Desk, in_chunks, request
from domain.kernel import MICROSECONDS
from domain.settlement.withdrawing import InstructWithdrawal
from projections.models import withdrawals

log = logging.getLogger("zhangfang.worker")

PAGE = 500
HOUR_US = 3600 * MICROSECONDS


def instruct_due(desk: Desk, on: date, at_us: int) -> int:
    """Instruct every withdrawal that may leave on an accounting date: how many did. One that is
    refused (a frozen wallet) is tried again once an hour; one whose member cannot be looked up in
    the lists waits until it can be. The read models are up to date."""
    made, after = 0, 0
    while True:
        with desk.engine.connect() as connection:
            due = withdrawals.due(connection, on, PAGE, after)
        if not due:
            return made
        after = due[-1].position
        waiting = _unseen(desk, {one.member_id for one in due}, at_us)
        due = [one for one in due if one.member_id not in waiting]
        requests = [
            request(
                f"withdraw:{one.withdrawal_no}:{at_us // HOUR_US}",
                at_us,
                InstructWithdrawal(one.withdrawal_no),
            )
            for one in due
        ]
        for one, answer in zip(due, in_chunks(desk.ledger, requests), strict=True):
            made += answer.refused is None and not answer.replayed
            if answer.refused is not None and not answer.replayed:
                log.warning("withdrawal %s: %s", one.withdrawal_no, answer.refused)


def _unseen(desk: Desk, member_ids: set[str], at_us: int) -> set[str]:
    """Whose money may not leave now: they cannot be looked up in the lists."""
    if desk.screening is None:
        return set()
    tried = [(one, desk.screening.tried(one, at_us)) for one in sorted(member_ids)]
    refused = {member_id: no for member_id, no in tried if no is not None}
    for member_id, no in list(refused.items())[:1]:
        log.warning("withdrawals of %d members wait: %s: %s", len(refused), member_id, no)
    return set(refused)
