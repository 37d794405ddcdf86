"""Matches of members with lists: a person confirms one, or two persons clear it."""

from api.rest.endpoint import Endpoint
from domain.screening.commands import ClearMatch, ConfirmMatch

MATCHES = "/v1/members/{member_id}/list-matches/{list_name}/{entry_no}"
SAMPLE = {"member_id": "xiaolan", "list_name": "WATCH", "entry_no": "W-7"}

ENDPOINTS = (
    Endpoint(
        method="POST",
        path=f"{MATCHES}/confirm",
        command=ConfirmMatch,
        summary="Confirm that a member is who a list means: its money stays stopped",
        sample=SAMPLE,
        body={"reason": "the same birthday and address"},
        result={"member_id": "xiaolan", "stopped": True},
    ),
    Endpoint(
        method="POST",
        path=f"{MATCHES}/clear",
        command=ClearMatch,
        summary="Clear a match: the member is somebody else; its money is free",
        sample=SAMPLE,
        body={"reason": "another birthday"},
        result={"member_id": "xiaolan", "stopped": False},
    ),
)
