"""A member's endpoints: what may be decided, and what a repeated wish changes."""

import pytest

from domain.member import webhook
from domain.member.hooking import (
    AddEndpoint,
    PingEndpoint,
    RedeliverEvent,
    RotateSecret,
    checked_url,
)
from domain.member.webhook import (
    MAX_ENDPOINTS,
    EndpointAdded,
    EndpointChanged,
    EndpointRemoved,
    Event,
    Paused,
    RedeliveryAsked,
    Resumed,
    SecretRotated,
)
from domain.refusals import Code, Refused
from tests.books import Books, refusal
from tests.examples import MERCHANT
from tests.scenario import Scenario

given = Scenario(webhook.evolve, webhook.State()).given

URL, OTHER = "https://shop.example/hooks", "https://shop.example/events"
ADDED = EndpointAdded("shop", URL, (), 1)
STOPPED = Paused("shop", "tries", 42)


def test_an_endpoint_is_added_and_again_it_changes_nothing() -> None:
    given().when(webhook.add, "shop", URL, ()).then(ADDED)
    given(ADDED).when(webhook.add, "shop", URL, ()).then()
    given(ADDED).when(webhook.add, "shop", OTHER, ()).refused(Code.WEBHOOK_TAKEN)


def test_a_number_of_a_secret_is_never_used_again() -> None:
    gone = EndpointRemoved("shop")
    given(ADDED, gone).when(webhook.add, "shop", URL, ()).then(EndpointAdded("shop", URL, (), 2))
    rotated = SecretRotated("shop", 2, 1, 100)
    given(ADDED, rotated).when(webhook.add, "more", URL, ()).then(EndpointAdded("more", URL, (), 3))


def test_there_are_so_many_endpoints_and_no_more() -> None:
    many = [EndpointAdded(f"e{n}", URL, (), n) for n in range(1, MAX_ENDPOINTS + 1)]
    given(*many).when(webhook.add, "more", URL, ()).refused(Code.WEBHOOK_LIMIT)
    given(*many, EndpointRemoved("e1")).when(webhook.add, "more", URL, ()).then(
        EndpointAdded("more", URL, (), MAX_ENDPOINTS + 1)
    )


def test_a_change_is_one_only_if_it_changes_something() -> None:
    given(ADDED).when(webhook.change, "shop", OTHER, ("payment.failed",)).then(
        EndpointChanged("shop", OTHER, ("payment.failed",))
    )
    given(ADDED).when(webhook.change, "shop", URL, ()).then()


def test_a_rotation_names_what_it_replaces() -> None:
    rotated = SecretRotated("shop", 2, 1, 100)
    given(ADDED).when(webhook.rotate, "shop", 1, 100).then(rotated)
    given(ADDED, rotated).when(webhook.rotate, "shop", 1, 900).then()
    given(ADDED).when(webhook.rotate, "shop", 0, 100).refused(Code.WEBHOOK_STATE_WRONG)
    given(ADDED, rotated).when(webhook.rotate, "shop", 2, 900).then(
        SecretRotated("shop", 3, 2, 900)
    )
    given(ADDED).when(webhook.rotate, "shop", 5, 100).refused(Code.WEBHOOK_STATE_WRONG)


def test_it_is_paused_and_goes_on() -> None:
    given(ADDED).when(webhook.pause, "shop").then(Paused("shop", "asked", 0))
    given(ADDED, STOPPED).when(webhook.pause, "shop").then()
    given(ADDED, STOPPED).when(webhook.resume, "shop").then(Resumed("shop"))
    given(ADDED).when(webhook.resume, "shop").then()


@pytest.mark.parametrize(
    ("history", "round", "facts"),
    [
        pytest.param([ADDED], 0, [STOPPED], id="the last try has failed"),
        pytest.param([ADDED, STOPPED], 0, [], id="it is paused already"),
        pytest.param([ADDED, STOPPED, Resumed("shop")], 0, [], id="it was resumed meanwhile"),
        pytest.param([ADDED, STOPPED, Resumed("shop")], 1, [STOPPED], id="in the next round"),
        pytest.param([ADDED, EndpointRemoved("shop")], 0, [], id="it is gone"),
    ],
)
def test_the_sender_stops_what_it_has_tried_in_this_round(
    history: list[Event], round: int, facts: list[Event]
) -> None:
    given(*history).when(webhook.stop, "shop", round, "tries", 42).then(*facts)


def test_what_is_to_be_sent_again_is_a_range() -> None:
    given(ADDED).when(webhook.redeliver, "shop", 4, 9).then(RedeliveryAsked("shop", 4, 9))
    for after, until in ((4, 4), (5, 4), (-1, 4)):
        given(ADDED).when(webhook.redeliver, "shop", after, until).refused(Code.REQUEST_INVALID)


@pytest.mark.parametrize("wish", ["change", "rotate", "pause", "resume", "redeliver", "ping"])
def test_what_is_not_there_is_told(wish: str) -> None:
    more: dict[str, tuple[object, ...]] = {
        "change": (URL, ()),
        "rotate": (1, 100),
        "redeliver": (0, 1),
    }
    given().when(getattr(webhook, wish), "shop", *more.get(wish, ())).refused(
        Code.WEBHOOK_NOT_FOUND
    )
    given().when(webhook.remove, "shop").then()


def test_the_handlers_show_where_an_endpoint_stands() -> None:
    books = Books().open()
    shown = books.do(AddEndpoint(MERCHANT, "shop", URL, ("refund.failed", "payment.failed")))
    assert shown["kinds"] == ["payment.failed", "refund.failed"]
    assert (shown["state"], shown["secret_number"]) == ("active", 1)
    assert books.do(RotateSecret(MERCHANT, "shop", 1))["secret_number"] == 2
    assert books.do(RedeliverEvent(MERCHANT, "shop", 42))["after"] == 41
    nobody = AddEndpoint("NOBODY", "shop", URL)
    assert refusal(books, nobody) is Code.MEMBER_NOT_FOUND
    assert refusal(books, PingEndpoint(MERCHANT, "other")) is Code.WEBHOOK_NOT_FOUND
    assert refusal(books, RotateSecret(MERCHANT, "shop", 2, 169)) is Code.REQUEST_INVALID
    assert refusal(books, RedeliverEvent(MERCHANT, "shop", 0)) is Code.REQUEST_INVALID


@pytest.mark.parametrize(
    "url",
    [
        "https://shop.example",
        "https://shop.example:8443/a/b?c=d",
        "http://10.0.0.1/",
        "https://[::1]/",
    ],
)
def test_an_address_is_taken_as_it_is_written(url: str) -> None:
    assert checked_url(url) == url


@pytest.mark.parametrize(
    "url",
    ["", "shop.example", "ftp://shop.example", "https://", "https://a b/",
     "https://shop.example:0/",
     "https://shop.example:65536/", "https://u@shop.example/", "https://shop.example/#a",
     "https://shop.example\\a", "https://商.example/",
     "https://shop.example/\n", "https://[::1/", "https://[1:2]/hooks", "https://[1.2.3.4]/",
     "https://[..]/x", "https://[:::]/x"],
)  # fmt: skip
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(Refused) as no:
        checked_url(url)
    assert no.value.code is Code.WEBHOOK_INVALID
