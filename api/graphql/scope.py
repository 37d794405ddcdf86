"""What a caller may see: every read is narrowed to it, in the statement or row by row."""

from api.http.keys import Caller
from api.operations.watching import Watch
from domain.accounting.chart import CHART

NOBODY = "-"  # No member has this id: member ids have no dash.


class Scope:
    """The rows that are a caller's to see."""

    __slots__ = ("caller", "watch")

    def __init__(self, caller: Caller, watch: Watch) -> None:
        """`watch` says how channels are doing."""
        self.caller = caller
        self.watch = watch

    def within(self, member: str | None) -> str | None:
        """Whose rows a query may return, for its WHERE: None is everybody's.

        A merchant gets its own whether it names itself or nobody; for another's name the query
        runs for nobody, so that there is no telling who exists.
        """
        if self.caller.role != "merchant":
            return member
        own = self.caller.member or NOBODY
        return own if member is None or member == own else NOBODY

    @property
    def sees_everything(self) -> bool:
        """Whether the caller is of the institution, and no merchant."""
        return self.caller.role != "merchant"

    def may_see(self, member: str) -> bool:
        """Whether rows of this member are the caller's to see."""
        return self.caller.role != "merchant" or member == self.caller.member

    def may_see_account(self, code: str, owner: str) -> bool:
        """A merchant sees its own accounts; a channel of the same name is somebody else."""
        if self.caller.role != "merchant":
            return True
        return owner == self.caller.member and code in CHART and CHART[code].owner == "member"
