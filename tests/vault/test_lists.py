"""Lists at every door: who registers, is certified, binds a card, pays; who is there when one is
loaded. Nothing of an entry stands in clear anywhere."""

import json
import logging
from typing import Any

import pytest
from sqlalchemy import text

from api.operations.list_files import Line, read_list
from api.operations.screening import PAGE, Screening
from api.operations.worker import Worker
from domain.accounting import account
from domain.eventstore.database import parse_database_url
from domain.kernel import MICROSECONDS, Request
from domain.member.commands import RegisterMember
from domain.order.commands import CONFIRM_AFTER_US
from domain.refusals import Code, Refused
from domain.screening import lists, match
from domain.vault.place import vault_database, vault_engine
from tests.api.conftest import Server
from tests.vault.needles import everything, found

WANTED = {"name": "欧阳通缉", "identity": "110105200001010008"}
OTHER = {"name": "司马清白", "identity": "11010519491231002X"}
COMPANY = {"name": "黑名单（北京）贸易有限公司", "identity": "91110000600037341L"}
DAMAGE = "UPDATE items SET field = field || 'x' WHERE member_id = :member"
REPAIR = "UPDATE items SET field = rtrim(field, 'x') WHERE member_id = :member"
LINES = (
    Line("W-1", "person", WANTED["name"], WANTED["identity"]),
    Line("W-2", "person", OTHER["name"]),
    Line("E-1", "enterprise", COMPANY["name"], COMPANY["identity"]),
)


def screening(server: Server) -> Screening:
    found_one = server.context.desk.screening
    assert found_one is not None
    return found_one


def load(server: Server, lines: tuple[Line, ...] = LINES, version: int = 1) -> dict[str, object]:
    """Put a list in force; nobody is looked at yet."""
    content = screening(server).tokenised("WATCH", version, lines)
    return screening(server).load(content, server.context.writes, server.now_us, "operator:lin")


def scan(server: Server) -> int:
    server.context.projector.catch_up()
    return screening(server).scan(server.now_us)


def matches(server: Server, member_id: str) -> list[str]:
    state = server.context.ledger.state(match.stream(member_id))
    return [f"{one.entry_no} {one.action} {one.status}" for one in state.matches]


def stopped(server: Server, member_id: str, code: str = "2241.01") -> bool:
    return bool(server.context.ledger.state(account.stream(f"{code}.{member_id}")).attached)


def register(server: Server, member_id: str, name: str, kind: str = "personal") -> Any:
    return server.ok("POST", "/v1/members", {"member_id": member_id, "kind": kind, "name": name})


def certify(server: Server, member_id: str, who: dict[str, str]) -> Any:
    day = {"level": 1, "effective_from": "2026-11-23", "sources": ["police"]}
    path = f"/v1/members/{member_id}/certifications"
    return server.ok("POST", path, {**who, **day}, key=f"certify-{member_id}")


def recharge(server: Server, member_id: str, no: str, fen: int) -> None:
    body = {"payment_no": no, "member_id": member_id, "method": "JD_PAY", "amount_fen": fen}
    server.ok("POST", "/v1/recharges", body)
    outcome = f"/v1/instructions/pay-{no}/outcome"
    server.ok("POST", outcome, {"succeeded": f"S{no}"}, key=f"o-{no}")


def test_who_registers_under_a_listed_name_is_looked_at(market: Server) -> None:
    load(market)
    register(market, "namesake", WANTED["name"])
    assert matches(market, "namesake") == ["W-1 review open"]
    assert not stopped(market, "namesake")
    register(market, "innocent", OTHER["name"])  # The list has a name alone, and says stop.
    assert matches(market, "innocent") == ["W-2 stop open"]
    assert stopped(market, "innocent")
    register(market, "shop", "黑名单(北京)贸易 有限公司", "enterprise")
    assert matches(market, "shop") == ["E-1 review open"]


def test_who_is_certified_or_binds_a_card_is_known_by_identity(market: Server) -> None:
    load(market)
    certify(market, "xiaoming", WANTED)
    assert matches(market, "xiaoming") == ["W-1 stop open"]
    assert stopped(market, "xiaoming")
    card = {**WANTED, "number": "6222021234567894", "phone": "13812345678"}
    market.ok("POST", "/v1/members/xiaohong/cards", card, key="card")
    assert matches(market, "xiaohong") == ["W-1 stop open"]
    account_of = {"number": "1100012345678901234567", "phone": "13812345678", **COMPANY}
    account_of["name"] = "SQUIRRELS Ltd"  # Its bank's account is in its own name.
    market.ok("POST", "/v1/members/SQUIRRELS/cards", account_of, key="company")
    assert matches(market, "SQUIRRELS") == ["E-1 stop open"]
    assert stopped(market, "SQUIRRELS", "2241.02") and stopped(market, "SQUIRRELS", "2241.03")


def test_a_namesake_with_another_identity_is_somebody_else(market: Server) -> None:
    load(market)
    certify(market, "xiaoming", {**WANTED, "identity": OTHER["identity"]})
    assert matches(market, "xiaoming") == []


def test_all_members_are_looked_at_when_a_list_is_loaded(market: Server) -> None:
    certify(market, "xiaoming", WANTED)
    assert load(market)["entries"] == 3
    assert not stopped(market, "xiaoming")
    market.context.projector.catch_up()
    assert screening(market).scan_some(market.now_us) == 4
    assert stopped(market, "xiaoming")
    state = market.context.ledger.state(lists.STREAM)
    assert (state.looked, state.done) == (4, True)
    assert screening(market).scan_some(market.now_us) is None
    position = market.context.ledger.head().position
    assert load(market)["replayed"] is True
    assert scan(market) == 0
    assert market.context.ledger.head().position == position


def test_a_scan_that_was_stopped_goes_on_where_it_stopped(market: Server) -> None:
    asked = [
        Request(f"r{n}", market.now_us, "operator:lin", RegisterMember(f"m{n:04}", "personal", "x"))
        for n in range(PAGE + 20)
    ]
    for answer in market.context.ledger.submit_all(asked):
        answer.unwrap()
    load(market)
    market.context.projector.catch_up()
    assert screening(market).scan_some(market.now_us) == PAGE
    market.restart()  # Another process, such as a worker, takes over.
    market.context.projector.catch_up()
    assert market.context.worker is None
    assert screening(market).scan_some(market.now_us) == 24
    assert market.context.ledger.state(lists.STREAM).looked == PAGE + 24


def test_one_who_cannot_be_looked_up_stops_neither_scan_nor_timers(market: Server) -> None:
    """The member's own money stays where it is; operators see whom it is about until it is over."""
    certify(market, "xiaoming", WANTED)
    certify(market, "xiaohong", OTHER)
    recharge(market, "xiaohong", "P1", 5_000)
    market.sell("JD1")
    market.pay("JD1", "P2")
    market.now_us += CONFIRM_AFTER_US  # The timer of the sale runs out on the open day.
    damage(market, "xiaohong")
    load(market)
    market.context.projector.catch_up()
    worker = Worker(market.context.desk, lambda: market.now_us, days_behind=1_000)
    worker.round()
    assert stopped(market, "xiaoming")
    assert market.context.ledger.state(lists.STREAM).done
    assert market.context.ledger.state("transaction-SQUIRRELS-JD1").status == "completed"
    assert worker.status.state == "waiting"
    assert "in the lists, xiaohong: vault_damaged" in worker.status.waiting
    body = {"transfer_no": "T1", "payer": "xiaohong", "payee": "xiaoming", "amount_fen": 100}
    assert market.send("POST", "/v1/transfers", body).json()["code"] == "vault_damaged"
    damage(market, "xiaohong", repair=True)
    market.now_us += 60 * MICROSECONDS
    worker.round()
    assert (worker.status.waiting, matches(market, "xiaohong")) == ("", ["W-2 stop open"])


def test_a_list_that_is_gone_hinders_the_scan_and_no_timer(
    market: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    market.sell("JD1")
    market.pay("JD1", "P2")
    market.now_us += CONFIRM_AFTER_US
    load(market)
    monkeypatch.setattr("domain.eventstore.blobs.read", lambda view, name: None)
    market.context.projector.catch_up()
    worker = Worker(market.context.desk, lambda: market.now_us, days_behind=1_000)
    with pytest.raises(Refused) as no:
        worker.round()
    assert no.value.code is Code.LIST_INVALID
    assert not market.context.ledger.state(lists.STREAM).done
    assert market.context.ledger.state("transaction-SQUIRRELS-JD1").status == "completed"


def damage(server: Server, member_id: str, *, repair: bool = False) -> None:
    """Its rows are moved to another field of theirs, and cannot be opened; or moved back."""
    engine = vault_engine(vault_database(parse_database_url(server.url)))
    with engine.begin() as connection:
        sql = REPAIR if repair else DAMAGE
        assert connection.execute(text(sql), {"member": member_id}).rowcount
    engine.dispose()


def test_before_money_leaves_who_was_not_looked_at_is(market: Server) -> None:
    """The list is in force, and the scan has not come to the payer yet."""
    certify(market, "xiaoming", WANTED)
    recharge(market, "xiaoming", "P1", 5_000)
    load(market)
    body = {"transfer_no": "T1", "payer": "xiaoming", "payee": "xiaohong", "amount_fen": 100}
    assert market.send("POST", "/v1/transfers", body).json()["code"] == "account_frozen"
    assert matches(market, "xiaoming") == ["W-1 stop open"]
    market.sell("JD1", amount_fen=3_000)
    paid = {"payment_no": "P2", "method": "WALLET_BALANCE"}
    refused = market.send("POST", "/v1/orders/JD1/payments", paid)
    assert refused.json()["code"] == "account_frozen"
    recharge(market, "xiaoming", "P3", 100)  # What comes is stopped, and not refused.
    state = market.context.ledger.state(account.stream("2241.01.xiaoming"))
    assert (state.balance_fen, state.stopped_fen) == (5_100, 5_100)


def test_a_listed_merchant_is_not_settled(market: Server) -> None:
    market.sell("JD1")
    market.pay("JD1", "P1")
    market.ok("POST", "/v1/transactions/SQUIRRELS-JD1/confirm", key="c")
    load(market, (Line("E-9", "enterprise", "squirrels ltd"),))
    market.next_day()
    for day in ("2026-11-23", "2026-11-24"):
        market.ok("POST", f"/v1/business-days/{day}/settle")
    assert matches(market, "SQUIRRELS") == ["E-9 stop open"]
    ledger = market.context.ledger
    assert ledger.state(account.stream("2241.05")).balance_fen == 0
    assert ledger.state(account.stream("2241.02.SQUIRRELS")).stopped_fen == 8_847


def test_two_persons_clear_and_it_does_not_strike_again(market: Server) -> None:
    load(market)
    register(market, "innocent", OTHER["name"])
    path = "/v1/members/innocent/list-matches/WATCH/W-2"
    reason = {"reason": "another birthday"}
    agreed = market.agreed("POST", f"{path}/clear", reason, key="clear", role="risk")
    assert agreed["result"] == {"member_id": "innocent", "stopped": False}
    load(market, (*LINES, Line("W-3", "person", "无关")), version=2)
    scan(market)
    assert matches(market, "innocent") == ["W-2 stop cleared"]
    changed = (LINES[0], Line("W-2", "person", OTHER["name"], "", "review"), LINES[2])
    load(market, changed, version=3)
    scan(market)
    assert matches(market, "innocent") == ["W-2 review open"]
    confirmed = market.ok("POST", f"{path}/confirm", reason, key="confirm", role="risk")
    assert confirmed["result"]["stopped"] is True
    query = '{ listMatches(state: "confirmed") { edges { node { memberId entryNo person } } } }'
    market.context.projector.catch_up()
    data = market.send("POST", "/graphql", {"query": query}).json()["data"]
    assert [one["node"] for one in data["listMatches"]["edges"]] == [
        {"memberId": "innocent", "entryNo": "W-2", "person": "staff:wu"}
    ]


def test_while_lists_are_in_force_and_nobody_can_look_no_money_leaves(market: Server) -> None:
    recharge(market, "xiaoming", "P1", 5_000)
    load(market)
    market.vault_key = ""
    market.restart()
    body = {"transfer_no": "T1", "payer": "xiaoming", "payee": "xiaohong", "amount_fen": 100}
    assert market.send("POST", "/v1/transfers", body).json()["code"] == "vault_locked"


def test_nothing_of_an_entry_stands_in_clear_anywhere(
    market: Server, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    load(market)
    register(market, "innocent", OTHER["name"])
    certify(market, "xiaoming", WANTED)
    scan(market)
    market.appoint()
    for path in ("innocent/list-matches/WATCH/W-2", "xiaoming/list-matches/WATCH/W-1"):
        market.ok(
            "POST", f"/v1/members/{path}/confirm", {"reason": "x"}, key=path[:40], role="risk"
        )
    for raw in (b"entry_no,kind,name,identity,action\n", WANTED["name"].encode()):
        with pytest.raises(Refused) as no:
            read_list(raw + WANTED["identity"].encode() + b",\xe4\xb8\xad,1\n")
        assert WANTED["identity"] not in str(no.value) and WANTED["name"] not in str(no.value)
    market.context.projector.catch_up()
    place = parse_database_url(market.url)
    plains = [*WANTED.values(), *OTHER.values(), *COMPANY.values()]
    where = [*everything([place, vault_database(place)]), ("log", caplog.text.encode())]
    assert found(plains, where) == []
    assert WANTED["name"] not in repr(LINES)


def test_a_list_is_read_from_csv_and_from_json() -> None:
    text = "entry_no,kind,name,identity,action\nW-1,person,张三,,\nE-1,enterprise,某公司,,review\n"
    lines = (Line("W-1", "person", "张三"), Line("E-1", "enterprise", "某公司", "", "review"))
    assert read_list(b"\xef\xbb\xbf" + text.encode()) == ("", 0, lines)
    told = {"list_name": "WATCH", "version": 7, "entries": []}
    told["entries"] = [{"entry_no": "W-1", "kind": "person", "name": "张三"}]
    assert read_list(json.dumps(told).encode()) == ("WATCH", 7, lines[:1])


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"", "line 1"),
        (b"name\nx\n", "line 1"),
        (b"entry_no,kind,name,identity,action\nW-1,person,x\n", "line 2: 3 columns"),
        (b"entry_no,kind,name,identity,action\nW-1,dog,x,,\n", "line 2: kind or action"),
        (b"entry_no,kind,name,identity,action\n", "1 to 1000000 entries"),
        (b"entry_no,kind,name,identity,action\nW-1,person,,,\n", "entry 1: neither"),
        (b"entry_no,kind,name,identity,action\n110105200001010008,person,x,,\n", "entry 1"),
        (b"entry_no,kind,name,identity,action\nW,person,x,,\nW,person,y,,\n", "entry 2"),
        (b"\xff\xfe", "byte 0"),
        (b'{"list_name": "W", "version": "x", "entries": []}', ".version"),
        (b'{"list_name": ', "no JSON"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_by_line(raw: bytes, said: str) -> None:
    with pytest.raises(Refused) as no:
        read_list(raw)
    assert no.value.code is Code.LIST_INVALID and said in no.value.detail
