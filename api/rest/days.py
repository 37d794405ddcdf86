"""Business days: open the books, cut a day off, close it."""

from api.rest.endpoint import Endpoint
from domain.clearing.commands import CloseDay, CutOffDay, OpenBooks

ENDPOINTS = (
    Endpoint(
        method="POST",
        path="/v1/business-days/{first_date}/open",
        command=OpenBooks,
        summary="Open the books: the institution's accounts and the ledger's first business day",
        sample={"first_date": "2026-11-23"},
        body={},
        result={"open_date": "2026-11-23"},
    ),
    Endpoint(
        method="POST",
        path="/v1/business-days/{date}/cut-off",
        command=CutOffDay,
        summary="Cut a day off: what is released from now on clears with the next one",
        sample={"date": "2026-11-23"},
        body={},
        result={"date": "2026-11-23"},
    ),
    Endpoint(
        method="POST",
        path="/v1/business-days/{date}/close",
        command=CloseDay,
        summary="Close a day with its net positions and open the next one",
        sample={"date": "2026-11-23"},
        body={},
        result={"date": "2026-11-23", "closed_now": True, "open_date": "2026-11-24"},
    ),
)
