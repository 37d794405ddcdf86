"""API keys: shown once, kept as digests, compared whole, revoked within seconds."""

import asyncio
import threading

import pytest
from sqlalchemy import Engine, text

from api.http.bearer import (
    REMEMBERED_S,
    KeyRing,
    authenticate,
    bearer_key,
    changed_callers,
)
from api.http.keys import Caller, create_key, find_caller, list_keys, revoke_key, wrong_keys
from domain.eventstore.database import parse_database_url, sqlalchemy_engine
from domain.refusals import Code, Refused


@pytest.fixture
def engine(migrated_url: str) -> Engine:
    return sqlalchemy_engine(parse_database_url(migrated_url))


def clock() -> int:
    return 1_795_392_000_000_000


def test_a_key_leads_to_its_role_and_member(engine: Engine) -> None:
    key = create_key(engine, "merchant", "SQUIRRELS", clock)
    caller = authenticate(engine, f"Bearer {key}")
    assert caller == Caller("merchant", "SQUIRRELS", key.split("_")[1])
    assert caller.actor == "merchant:SQUIRRELS"
    operator = authenticate(engine, f"bearer {create_key(engine, 'operator', None, clock)}")
    assert operator.actor == f"operator:{operator.key_id}"


def test_only_a_digest_is_kept(engine: Engine) -> None:
    key = create_key(engine, "auditor", None, clock)
    secret = key.split("_", 2)[2]
    with engine.connect() as connection:
        row = connection.execute(text("SELECT * FROM api_keys")).one()
    assert all(secret not in str(value) for value in row)
    assert secret.encode() not in bytes(row.digest)
    assert len(bytes(row.digest)) == 32


def test_keys_are_listed_without_their_digests(engine: Engine) -> None:
    key = create_key(engine, "merchant", "SQUIRRELS", clock, note="shop server")
    (row,) = list_keys(engine)
    assert (row.id, row.role, row.member, row.note) == (
        key.split("_")[1],
        "merchant",
        "SQUIRRELS",
        "shop server",
    )
    assert (row.created_at_us, row.revoked_at_us) == (clock(), None)


def test_two_keys_never_are_the_same(engine: Engine) -> None:
    keys = {create_key(engine, "operator", None, clock) for _ in range(20)}
    assert len({key.split("_", 2)[2] for key in keys}) == 20


def test_what_is_not_exactly_the_key_is_nobody(engine: Engine) -> None:
    key = create_key(engine, "operator", None, clock)
    other = create_key(engine, "operator", None, clock)
    _, key_id, secret = key.split("_", 2)
    last = "A" if secret[-1] != "A" else "B"
    wrong = [
        f"zf_{key_id}_{secret[:-1]}{last}",
        f"zf_{key_id}_{other.split('_', 2)[2]}",
        f"zf_{'0' * 12}_{secret}",
        f"zf_{key_id}_{secret}x",
        f"zf_{key_id}_",
        f"zf_{key_id}",
        key.upper(),
        key + "\n",
        "",
        "zf__",
        "' OR 1=1 --",
    ]
    assert find_caller(engine, key) is not None
    assert [find_caller(engine, one) for one in wrong] == [None] * len(wrong)


@pytest.mark.parametrize(
    "header",
    [None, "", "Bearer", "Bearer ", "Basic abc", "Bearerabc", "Bearer é", "Bearer " + "a" * 500],
)
def test_a_header_without_a_key_is_refused(header: str | None) -> None:
    with pytest.raises(Refused) as caught:
        bearer_key(header)
    assert (caught.value.code, caught.value.field) == (Code.NOT_AUTHENTICATED, "Authorization")


@pytest.mark.parametrize(
    ("role", "member", "code", "field"),
    [
        pytest.param("admin", None, Code.REQUEST_INVALID, "role", id="unknown role"),
        pytest.param("merchant", None, Code.REQUEST_INVALID, "member", id="merchant of nobody"),
        pytest.param("auditor", "SHOP1", Code.REQUEST_INVALID, "member", id="auditor of a shop"),
        pytest.param("merchant", "SHOP-1", Code.IDENTIFIER_INVALID, "member", id="a dash"),
        pytest.param("merchant", "", Code.IDENTIFIER_INVALID, "member", id="empty"),
    ],
)
def test_a_key_that_makes_no_sense_is_not_made(
    engine: Engine, role: str, member: str | None, code: Code, field: str
) -> None:
    with pytest.raises(Refused) as caught:
        create_key(engine, role, member, clock)
    assert (caught.value.code, caught.value.field) == (code, field)
    assert list_keys(engine) == []


def test_a_revoked_key_is_refused_as_soon_as_the_ring_forgets_it(engine: Engine) -> None:
    now = [100.0]
    ring = KeyRing(engine, monotonic=lambda: now[0])
    key = create_key(engine, "operator", None, clock)
    header = f"Bearer {key}"
    first = asyncio.run(ring.caller(header))
    assert revoke_key(engine, first.key_id, clock) is True
    assert revoke_key(engine, first.key_id, clock) is False
    now[0] += REMEMBERED_S - 1
    assert asyncio.run(ring.caller(header)) == first
    now[0] += 1
    with pytest.raises(Refused) as caught:
        asyncio.run(ring.caller(header))
    assert caught.value.code is Code.NOT_AUTHENTICATED


def test_a_remembered_key_costs_no_sql_and_a_new_one_works_at_once(engine: Engine) -> None:
    ring = KeyRing(engine, monotonic=lambda: 0)
    header = f"Bearer {create_key(engine, 'operator', None, clock)}"
    first = asyncio.run(ring.caller(header))
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE api_keys RENAME TO api_keys_elsewhere"))
    assert asyncio.run(ring.caller(header)) == first
    with pytest.raises(Refused) as caught:  # One that is not remembered needs the table.
        asyncio.run(ring.caller("Bearer zf_" + "a" * 12 + "_" + "b" * 43))
    assert caught.value.code is Code.BUSY
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE api_keys_elsewhere RENAME TO api_keys"))
    fresh = create_key(engine, "auditor", None, clock)
    assert asyncio.run(ring.caller(f"Bearer {fresh}")).role == "auditor"


def test_keys_made_while_they_are_compared_are_no_findings(engine: Engine) -> None:
    made = threading.Event()

    def make() -> None:
        for _ in range(30):
            key = create_key(engine, "auditor", None, clock)
            revoke_key(engine, key.split("_")[1], clock)
        made.set()

    maker = threading.Thread(target=make)
    maker.start()
    while not made.is_set():
        assert wrong_keys(engine) == []
    maker.join()
    assert wrong_keys(engine) == []


def test_who_was_let_in_is_found_again_unless_the_key_was_revoked(engine: Engine) -> None:
    made = [create_key(engine, "merchant", f"SHOP{number}", clock) for number in range(3)]
    callers = [authenticate(engine, f"Bearer {key}") for key in made]
    assert changed_callers(engine, callers, None) == []
    assert revoke_key(engine, callers[1].key_id, clock)
    assert changed_callers(engine, callers, None) == [callers[1]]
    assert changed_callers(engine, [], None) == []
