"""What nobody has decided in time is over: proposals whose time has run out are ended."""

from api.operations.desk import Desk, in_chunks, request
from domain.approval.commands import ExpireProposal
from projections.models import approvals

MOST = 500  # Of one round.


def expire_overdue(desk: Desk, now_us: int) -> int:
    """End proposals whose time is over; how many there were. One that was decided meanwhile stays
    what it is."""
    with desk.engine.connect() as view:
        overdue = approvals.overdue(view, now_us, MOST)
    ended = [request(f"approval.expire:{one}", now_us, ExpireProposal(one)) for one in overdue]
    in_chunks(desk.ledger, ended)
    return len(ended)
