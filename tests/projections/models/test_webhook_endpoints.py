"""Facts of endpoints in; rows out, as they are now."""

import pytest
from sqlalchemy import Connection

from domain.member import webhook as facts
from projections.models import webhook_endpoints as model
from projections.models.webhook_endpoints import MODEL, Again
from tests.examples import MERCHANT, PAID_AT, log
from tests.projections.applied import apply

WHERE, URL = f"webhooks-{MERCHANT}", "https://shop.example/hooks"
FACTS = log(
    (WHERE, facts.EndpointAdded("shop", URL, ("payment.failed",), 1), PAID_AT),
    (WHERE, facts.EndpointAdded("old", URL, (), 2), PAID_AT),
    (WHERE, facts.EndpointAdded("dead", URL, (), 3), PAID_AT),
    (WHERE, facts.SecretRotated("shop", 4, 1, PAID_AT + 9)),
    (WHERE, facts.Paused("shop", "asked", 0), PAID_AT + 1),
    (WHERE, facts.Paused("dead", "tries", 42), PAID_AT + 2),
    (WHERE, facts.Resumed("shop")),
    (WHERE, facts.EndpointChanged("shop", URL + "/new", ())),
    (WHERE, facts.EndpointRemoved("old")),
    (WHERE, facts.EndpointAdded("old", URL, (), 5), PAID_AT + 3),
    (WHERE, facts.RedeliveryAsked("shop", 3, 9)),
    (WHERE, facts.RedeliveryAsked("shop", 8, 9)),
    (WHERE, facts.EndpointAdded("brief", URL, (), 6)),
    (WHERE, facts.EndpointRemoved("brief")),
)


@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_every_endpoint_is_a_row(books: Connection, size: int) -> None:
    apply(books, MODEL, FACTS, size)
    dead, old, shop = model.endpoints(books, MERCHANT)
    assert (dead.paused, dead.why, dead.stopped_by) == (True, "tries", 42)
    assert dead.paused_at_us == PAID_AT + 2
    assert (old.secret, old.since_position, old.added_at_us) == (5, 10, PAID_AT + 3)
    assert (shop.url, shop.kinds, shop.since_position) == (URL + "/new", "[]", 1)
    assert (shop.secret, shop.older, shop.older_until_us) == (4, 1, PAID_AT + 9)
    assert (shop.paused, shop.why, shop.round) == (False, "", 1)
    assert [one.endpoint_id for one in model.paused(books, 10)] == ["dead"]
    assert model.all_endpoints(books) == [dead, old, shop]
    assert model.again(books, shop.name, 0, 9) == [Again(11, 3, 9), Again(12, 8, 9)]
    assert model.again(books, shop.name, 11, 9) == [Again(12, 8, 9)]


def test_an_endpoint_hears_the_kinds_it_names_or_all(books: Connection) -> None:
    apply(books, MODEL, FACTS[:2])
    old, shop = model.endpoints(books, MERCHANT)
    assert old.hears("payment.succeeded")
    assert shop.hears("payment.failed")
    assert not shop.hears("payment.succeeded")
