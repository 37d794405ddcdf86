"""A story with bindings, failures, retries and forgetting leaves nothing personal anywhere: in no
row of any database, no file, no log, no figure and no answer."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from api.operations.forgetting import Agreed, agree
from domain.channel.adapters.simulated_cards import CODE
from domain.channel.cards import Particulars, Reply
from domain.eventstore.database import parse_database_url
from domain.kernel import DAY_US
from domain.member import card, member
from domain.refusals import Refused
from domain.vault import backup
from domain.vault.keys import parse_keys
from domain.vault.place import vault_database, vault_engine
from domain.vault.vault import prove
from tests.api.conftest import Server
from tests.vault.needles import everything, forms, found

ANN = {
    "number": "6222021234567894",
    "name": "韩梅梅儿",
    "identity": "11010519491231002X",
    "phone": "13812349678",
}
SECOND = {**ANN, "number": "6217001234567893", "phone": "13987654321"}
THIRD = {**ANN, "number": "6225880123456783"}
CHILD = {
    **THIRD,
    "name": "欧阳小妹",
    "identity": "110105200001010008",
    "relation": "guardian",
    "document": "HK-2026-7",
}
PERSONAL = sorted({v for one in (ANN, SECOND, CHILD) for k, v in one.items() if k in ANN})
CARDS = "/v1/members/xiaoming/cards"
QUERY = '{ cards(memberId: "xiaoming") { id number holder phone state reason bank } }'


def play(server: Server) -> list[bytes]:
    """The story; every answer that was given."""
    answers: list[bytes] = []

    def send(path: str, body: dict[str, Any], key: str, **how: Any) -> Any:
        response = server.send("POST", path, body, key=key, **how)
        answers.append(response.content + str(response.headers).encode())
        return response.json()

    def bound(body: dict[str, Any], key: str) -> str:
        token: str = send(CARDS, body, key)["result"]["card"]
        server.ask_banks()
        for count, code in enumerate(("111111", CODE)):
            send(f"{CARDS}/{token}/confirm", {"code": code}, f"{key}-{count}")
            send(f"{CARDS}/{token}/confirm", {"code": code}, f"{key}-{count}")
            server.ask_banks()
        return token

    for name in (ANN["name"], CHILD["name"]):  # The second one is refused.
        person = {"member_id": "ann", "kind": "personal", "name": name}
        send("/v1/members", person, f"r{len(answers)}")
    first = bound(ANN, "a")
    send(CARDS, ANN, "a")
    send(CARDS, SECOND, "a")  # Another body under the same number.
    send(CARDS, {**ANN, "number": ANN["number"][:-1] + "5"}, "bad")
    send(CARDS, {**ANN, "cvn2": ANN["phone"][:3]}, "secret")
    send(CARDS, {**ANN, "number": int(ANN["number"])}, "typed")
    send(CARDS, {**ANN, "phone": [ANN["phone"]]}, "nested")
    send(CARDS, CHILD | {"relation": "", "document": ""}, "stranger")
    send(CARDS, ANN, "foreign", role="merchant")
    second = bound(SECOND, "b")
    bound(CHILD, "c")
    fail(server, send)
    certified = {
        "name": ANN["name"],
        "identity": ANN["identity"],
        "level": 1,
        "effective_from": "2026-12-01",
        "sources": ["police"],
    }
    send("/v1/members/xiaoming/certifications", certified, "i")
    send("/v1/members/xiaoming/certifications", {**certified, "name": CHILD["name"]}, "i2")
    send(f"{CARDS}/{second}/default", {}, "d")
    answers.append(server.send("POST", "/graphql", {"query": QUERY}).content)
    answers.append(server.send("POST", "/graphql", {"query": QUERY}, role="auditor").content)
    answers.append(server.send("GET", "/metrics", role="operator").content)
    assert first
    return answers


def fail(server: Server, send: Callable[..., Any]) -> None:
    """A bank that refuses, and one whose trouble has everything in its text."""
    server.bank.refuses[THIRD["number"]] = "NAME_WRONG"
    send(CARDS, {**CHILD, "phone": SECOND["phone"]}, "refused")
    server.ask_banks()
    sign = server.bank.sign

    async def fails(number: str, what: Particulars, now_us: int) -> Reply:
        raise OSError(f"{number}: {what.account} {what.name} {what.identity} {what.phone}")

    server.bank.sign = fails  # type: ignore[method-assign]
    send(CARDS, {**ANN, "phone": SECOND["phone"]}, "lost")
    server.ask_banks()
    server.bank.sign = sign  # type: ignore[method-assign]


def databases(server: Server) -> list[Any]:
    ledger = parse_database_url(server.url)
    return [ledger, vault_database(ledger)]


def test_nothing_personal_is_anywhere_in_clear(
    market: Server, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        answers = play(market)
        said = caplog.text.encode()
    market.context.projector.catch_up()
    assert len(market.context.ledger.state(card.stream("xiaoming")).bindings) >= 3
    vault = market.context.personal.vault
    assert len(vault.find("number", ANN["number"])) >= 1  # It is there, and it is found.
    where = [("log", said), *(("answer", one) for one in answers), *everything(databases(market))]
    assert len(where) > 300
    assert found(PERSONAL, where) == []


def test_the_search_finds_what_is_there(market: Server) -> None:
    """In each of its forms, and in a fact: or the test above would prove nothing."""
    for plain in PERSONAL:
        for form in forms(plain):
            assert found([plain], [("here", b"<" + form + b">")])
    body = {"member_id": "leak", "kind": "enterprise", "name": f"card {ANN['number']}"}
    market.ok("POST", "/v1/members", body)
    assert found(PERSONAL, everything(databases(market)))


def test_forgotten_is_gone_verifies_and_stays_so_whatever_is_restored(
    market: Server, tmp_path: Path
) -> None:
    play(market)
    vault = market.context.personal.vault

    def state() -> card.State:
        return market.context.ledger.state(card.stream("xiaoming"))

    market.now_us += 3650 * DAY_US
    market.ask_banks()
    for token in sorted({one.card for one in state().bindings}):
        market.ok("POST", f"{CARDS}/{token}/unbind", {"reason": "over"}, key=f"u-{token}")
    market.ask_banks()
    assert state().bindings == ()
    old = tmp_path / "vault.backup"
    _copied(market, old)
    market.now_us += 3660 * DAY_US
    market.ok("POST", "/v1/members/xiaoming/forget", {"reason": "asked"}, key="f")
    for field in ("number", "identity", "phone"):
        assert all(vault.find(field, one[field]) == [] for one in (ANN, SECOND, CHILD))
    market.context.projector.catch_up()
    data = market.send("POST", "/graphql", {"query": QUERY}).json()["data"]["cards"]
    assert data and all(one["holder"] is None and one["phone"] is None for one in data)
    shown = '{ member(id: "xiaoming") { name forgottenAt } }'
    data = market.send("POST", "/graphql", {"query": shown}).json()["data"]["member"]
    assert data["name"] == "forgotten" and data["forgottenAt"]
    assert found(PERSONAL, everything(databases(market))) == []
    _restored(market, old)  # The vault of before, beside the ledger of today.
    assert len(market.context.personal.vault.find("number", ANN["number"])) == 1
    reading = market.context.personal.default_account("xiaoming")
    assert reading is None
    context = market.context
    agreed = agree(context.ledger, context.engine, vault, market.now_us)
    assert agreed.erased == ["xiaoming"] and agreed.recorded == []
    assert vault.find("number", ANN["number"]) == []
    assert agree(context.ledger, context.engine, vault, market.now_us).erased == []


def test_a_ledger_of_before_records_again_who_the_vault_has_forgotten(market: Server) -> None:
    market.ok("POST", CARDS, ANN, key="a")
    context = market.context
    vault = context.personal.vault
    vault.forget("xiaoming", market.now_us)
    vault.forget("NEVER_HERE", market.now_us)
    refused = market.send("POST", CARDS, SECOND, key="b")
    assert refused.json()["code"] == "member_forgotten"
    agreed = agree(context.ledger, context.engine, vault, market.now_us)
    assert (agreed.erased, agreed.recorded) == ([], ["xiaoming"])
    assert context.ledger.state(member.stream("xiaoming")).forgotten
    assert agree(context.ledger, context.engine, vault, market.now_us) == Agreed([], [])
    market.restart()
    assert market.send("POST", CARDS, ANN, key="a").json()["code"] == "member_forgotten"


def test_a_backup_that_is_not_whole_changes_nothing(market: Server, tmp_path: Path) -> None:
    market.ok("POST", CARDS, ANN, key="a")
    path = tmp_path / "vault.backup"
    _copied(market, path)
    lines = path.read_bytes().splitlines(keepends=True)
    spoiled: tuple[list[bytes], ...] = (
        lines[:-1],
        lines[1:],
        [*lines[:2], b"[7]\n", *lines[2:]],
        [b"{"],
        [],
    )
    for content in spoiled:
        path.write_bytes(b"".join(content))
        with pytest.raises(Refused):
            _restored(market, path)
        assert len(market.context.personal.vault.find("number", ANN["number"])) == 1
    assert found(PERSONAL, [("backup", b"".join(lines))]) == []


def _copied(server: Server, path: Path) -> None:
    engine = vault_engine(vault_database(parse_database_url(server.url)))
    backup.write(engine, path)
    engine.dispose()


def _restored(server: Server, path: Path) -> None:
    """As it was: also without its tombstones, as a copy of the whole database would be."""
    engine = vault_engine(vault_database(parse_database_url(server.url)))
    try:
        with engine.begin() as connection:
            connection.execute(text("DELETE FROM forgotten"))
        keys = parse_keys(server.vault_key, "key")
        backup.restore(engine, path, lambda connection: prove(connection, keys))
    finally:
        engine.dispose()
