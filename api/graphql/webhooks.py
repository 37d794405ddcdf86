"""Webhook endpoints of a member, and the newest attempts to send to them: `webhookEndpoints`.

Attempts are the sender's own and no read model: an answer that shows endpoints has no entity tag.
"""

import msgspec
from msgspec.structs import astuple
from sqlalchemy import Connection
from strawberry import ID

from api.graphql.describing import resolved
from api.graphql.paging import First
from api.graphql.reads import Info
from api.graphql.scalars import BigInt, Instant
from api.graphql.shapes import of, shape, shape_of
from api.operations.webhooks import deliveries
from projections.models import webhook_endpoints as model
from projections.tables.paging import checked_first, sought_text


@shape()
class WebhookAttempt:
    """One request. `position` is the event's; `attempt` counts from 1, anew when the endpoint was
    resumed. `status` is the answer's, 0 for none; `result` says what came of it: delivered,
    answered (with a status that is no success), redirected, timed_out, not_connected, broken,
    not_found, refused (the address), no_secret."""

    at: Instant
    position: BigInt
    kind: str
    attempt: int
    status: int
    result: str
    took_ms: int


@shape()
class WebhookEndpoint:
    """Where a member hears its events. `kinds`: none means all there are. It may be `paused`, and
    `why`: asked, tries (the last one failed, of the event at `stoppedBy`) or gone. Events up to
    `position` were taken; the member's `newest` is there. Of those taken, `waiting` have not
    arrived, and `failing` have failed before. `secretNumber` is that of the secret that signs."""

    id: ID = of("endpoint_id")
    merchant_id: ID = of("member")
    url: str
    kinds: list[str]
    paused: bool
    why: str | None = of("why", empty=True)
    paused_at: Instant | None
    stopped_by: BigInt
    secret_number: BigInt = of("secret")
    added_at: Instant
    position: BigInt
    newest: BigInt
    waiting: BigInt
    failing: BigInt

    @resolved
    async def attempts(self, info: Info, first: First = 20) -> list[WebhookAttempt]:
        """The newest attempts, the newest first."""
        name, most = (str(self.merchant_id), str(self.id)), checked_first(first)
        found = await info.context.read(lambda view: deliveries.attempts(view, name, None, most))
        return [_ATTEMPT.node(one) for one in found]


# Msgspec lets a frozen struct extend one that is not; the checker thinks of dataclasses.
class Row(model.Endpoint, frozen=True):  # type: ignore[misc]
    """A row, and how far the sender is."""

    position: int = 0
    newest: int = 0
    waiting: int = 0
    failing: int = 0


_ATTEMPT, _ENDPOINT = shape_of(WebhookAttempt), shape_of(WebhookEndpoint)


async def webhook_endpoints(info: Info, merchant_id: ID) -> list[WebhookEndpoint]:
    """The endpoints of a member, by their ids; at most 10."""
    whom = info.context.within(merchant_id) or merchant_id
    rows = await info.context.read(lambda view: _read(view, whom))
    return [_ENDPOINT.node(row, kinds=msgspec.json.decode(row.kinds)) for row in rows]


def _read(view: Connection, whom: str) -> list[Row]:
    found = model.endpoints(view, sought_text(whom, "merchantId"))
    return [Row(*astuple(one), *astuple(deliveries.progress(view, one.name))) for one in found]
