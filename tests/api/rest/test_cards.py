"""Cards over REST, on both databases: bound, refused, verified again, unbound; and forgetting."""

from typing import Any

import pytest

from domain.accounting import account
from domain.channel.adapters.simulated_cards import CODE
from domain.kernel import DAY_US
from domain.member import card, member
from tests.api.conftest import VAULT_KEY, Server, problem

ANN = {
    "number": "6222021234567894",
    "name": "韩梅梅",
    "identity": "11010519491231002X",
    "phone": "13812345678",
}
OTHER = {**ANN, "number": "6217001234567893"}
COMPANY = {
    "number": "1100012345678901234567",
    "name": "SQUIRRELS Ltd",
    "identity": "91110000600037341L",
    "phone": "13900001111",
}
CARDS = "/v1/members/xiaoming/cards"


def bind(server: Server, body: dict[str, Any] | None = None, key: str = "b1", **how: Any) -> str:
    """Bound, from the request to the bank's agreement; the card's token."""
    answer = server.ok("POST", how.pop("path", CARDS), body or ANN, key=key, **how)["result"]
    server.ask_banks()
    path = f"/v1/members/{answer['member_id']}/cards/{answer['card']}/confirm"
    server.ok("POST", path, {"code": CODE}, key=f"{key}-code")
    server.ask_banks()
    token: str = answer["card"]
    return token


def state(server: Server, member_id: str = "xiaoming") -> card.State:
    return server.context.ledger.state(card.stream(member_id))


def test_a_card_is_bound_and_the_first_is_the_default(market: Server) -> None:
    token = bind(market)
    (bound,) = state(market).bindings
    assert (bound.status, bound.card, bound.tail, bound.bank) == ("bound", token, "7894", "ICBC")
    assert state(market).default == token
    payee = market.context.personal.default_account("xiaoming")
    assert payee is not None
    assert (payee.account, payee.name) == (ANN["number"], ANN["name"])
    assert ANN["number"] not in repr(payee)
    second = bind(market, OTHER, "b2")
    assert state(market).default == token
    market.ok("POST", f"{CARDS}/{second}/default", key="d")
    assert state(market).default == second


def test_a_retried_binding_has_the_same_receipt(market: Server) -> None:
    first = market.send("POST", CARDS, ANN, key="b1")
    token = bind(market)
    again = market.send("POST", CARDS, ANN, key="b1")
    assert again.json()["replayed"] is True
    assert again.json()["result"] == first.json()["result"]
    assert again.json()["position"] == first.json()["position"]
    market.restart()
    later = market.send("POST", CARDS, ANN, key="b1")
    assert later.json()["result"]["card"] == token
    problem(market.send("POST", CARDS, OTHER, key="b1"), 409, "request_conflict", "request")
    # What the conflict put into the vault went again.
    assert market.context.personal.vault.find("number", OTHER["number"]) == []
    assert len(market.context.personal.vault.find("number", ANN["number"])) == 1


def test_wrong_codes_and_then_the_right_one(market: Server) -> None:
    token = market.ok("POST", CARDS, ANN, key="b")["result"]["card"]
    early = market.send("POST", f"{CARDS}/{token}/confirm", {"code": "111111"}, key="c0")
    problem(early, 409, "card_state_wrong", "card")
    market.ask_banks()
    for count, code in enumerate(("111111", "222222", CODE)):
        market.ok("POST", f"{CARDS}/{token}/confirm", {"code": code}, key=f"c{count + 1}")
        market.ask_banks()
    assert [one.status for one in state(market).bindings] == ["bound"]
    market.ok("POST", f"{CARDS}/{token}/confirm", {"code": CODE}, key="c9")  # It is bound.


def test_three_wrong_codes_end_a_binding_and_its_data(market: Server) -> None:
    token = market.ok("POST", CARDS, ANN, key="b")["result"]["card"]
    market.ask_banks()
    for count, code in enumerate(("111111", "222222", "333333")):
        market.ok("POST", f"{CARDS}/{token}/confirm", {"code": code}, key=f"c{count}")
        market.ask_banks()
    assert state(market).bindings == ()
    assert market.context.personal.vault.standing().items == 0
    missing = market.send("POST", f"{CARDS}/{token}/confirm", {"code": CODE}, key="c9")
    problem(missing, 404, "card_not_found", "card")
    assert bind(market, key="again") == token


def test_a_code_that_comes_too_late(market: Server) -> None:
    token = market.ok("POST", CARDS, ANN, key="b")["result"]["card"]
    market.ask_banks()
    market.now_us += 301_000_000
    late = market.send("POST", f"{CARDS}/{token}/confirm", {"code": CODE}, key="c")
    problem(late, 409, "code_expired", "code")
    market.ask_banks()
    assert state(market).bindings == ()
    assert market.context.personal.vault.standing().items == 0


def test_a_bank_that_refuses(market: Server) -> None:
    market.bank.refuses[ANN["number"]] = "NAME_WRONG"
    market.ok("POST", CARDS, ANN, key="b")
    market.ask_banks()
    assert state(market).bindings == ()
    assert market.context.personal.vault.standing().items == 0


def test_a_change_is_verified_again_and_the_old_card_holds_until_then(market: Server) -> None:
    token = bind(market)
    changed = {**ANN, "phone": "13987654321"}
    assert market.ok("POST", CARDS, changed, key="b2")["result"]["card"] == token
    assert [one.status for one in state(market).bindings] == ["bound", "requested"]
    market.ask_banks()
    payee = market.context.personal.default_account("xiaoming")
    assert payee is not None
    assert payee.phone == ANN["phone"]
    market.ok("POST", f"{CARDS}/{token}/confirm", {"code": CODE}, key="b2-code")
    market.ask_banks()
    assert [one.binding for one in state(market).bindings] == [2]
    payee = market.context.personal.default_account("xiaoming")
    assert payee is not None
    assert payee.phone == "13987654321"


def test_the_same_name_or_a_legal_relation(market: Server) -> None:
    bind(market)
    child = {**OTHER, "name": "韩小妹", "identity": "110105200001010008"}
    problem(market.send("POST", CARDS, child, key="c"), 409, "holder_differs", "name")
    half = {**child, "relation": "guardian"}
    problem(market.send("POST", CARDS, half, key="c2"), 409, "holder_differs", "relation")
    bind(market, {**half, "document": "HK-2026-7"}, "c3")
    assert len(state(market).bindings) == 2
    company = "/v1/members/SQUIRRELS/cards"
    bind(market, COMPANY, "d", path=company, role="merchant")
    other = {**COMPANY, "number": "1100012345678901234568", "name": "Others Ltd"}
    refused = market.send("POST", company, other, key="d2", role="merchant")
    problem(refused, 409, "holder_differs", "name")
    owner = {
        **ANN,
        "relation": "legal_representative",
        "document": "L-1",
    }
    refused = market.send("POST", company, owner, key="d3", role="merchant")
    problem(refused, 403, "not_allowed", "Authorization")
    bind(market, owner, "d4", path=company)


def test_unbinding_tells_the_bank_and_frees_the_default(market: Server) -> None:
    token = bind(market)
    market.ok("POST", f"{CARDS}/{token}/unbind", {"reason": "lost"}, key="u")
    assert (state(market).default, state(market).bindings[0].status) == ("", "ending")
    assert market.context.personal.default_account("xiaoming") is None
    assert market.ask_banks() == 1
    assert state(market).bindings == ()
    gone = market.send("POST", f"{CARDS}/{token}/unbind", {"reason": "lost"}, key="u2")
    problem(gone, 404, "card_not_found", "card")
    # It was bound: the law wants its data kept.
    assert len(market.context.personal.vault.find("number", ANN["number"])) == 1


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"number": "6222021234567890"}, "particulars_invalid", "number"),
        ({"number": "622202"}, "particulars_invalid", "number"),
        ({"number": "62220212345678941111"}, "particulars_invalid", "number"),
        ({"number": "٦222021234567894"}, "particulars_invalid", "number"),
        ({"identity": "110105194912310021"}, "particulars_invalid", "identity"),
        ({"identity": "11010519491231002x"}, "particulars_invalid", "identity"),
        ({"phone": "2381234567"}, "particulars_invalid", "phone"),
        ({"name": ""}, "text_invalid", "name"),
        ({"name": "a\u202eb"}, "text_invalid", "name"),
        ({"cvn2": "123"}, "card_secret", "cvn2"),
        ({"CVV-2": "123"}, "card_secret", "CVV-2"),
        ({"pin": None}, "card_secret", "pin"),
        ({"track_2": ""}, "card_secret", "track_2"),
        ({"extra": {"expiry_date": "1226"}}, "card_secret", "extra.expiry_date"),
        ({"surplus": 1}, "request_invalid", "surplus"),
    ],
)
def test_what_cannot_be_is_refused_and_never_shown(
    market: Server, change: dict[str, Any], code: str, field: str
) -> None:
    response = market.send("POST", CARDS, {**ANN, **change}, key="b")
    problem(response, 422 if code != "request_invalid" else 400, code, field)
    for value in change.values():
        assert not (isinstance(value, str) and len(value) > 5 and value in response.text)
    assert market.context.personal.vault.standing().items == 0


@pytest.mark.parametrize("act", ["confirm", "default", "unbind"])
def test_a_number_in_the_place_of_a_token_leaves_nothing(market: Server, act: str) -> None:
    bind(market)
    head = market.context.ledger.head()
    body = {"confirm": {"code": CODE}, "default": {}, "unbind": {"reason": "lost"}}[act]
    wrong = market.send("POST", f"{CARDS}/{ANN['number']}/{act}", body, key="w")
    problem(wrong, 422, "identifier_invalid", "card")
    assert ANN["number"] not in wrong.text
    assert market.context.ledger.head() == head


@pytest.mark.parametrize("document", ["11010519491231002X", "6222-0212-3456-7894", "a b", "Ä"])
def test_a_persons_number_is_no_document(market: Server, document: str) -> None:
    body = {**OTHER, "relation": "guardian", "document": document}
    refused = market.send("POST", CARDS, body, key="d")
    problem(refused, 422, "particulars_invalid", "document")
    assert document not in refused.text


def test_a_registration_of_before_the_vault_is_replayed(market: Server) -> None:
    body = {"member_id": "old", "kind": "personal", "name": "韩梅梅儿"}
    market.vault_key = ""
    market.restart()
    first = market.ok("POST", "/v1/members", body)
    market.vault_key = VAULT_KEY
    market.restart()
    again = market.ok("POST", "/v1/members", body)
    assert (again["replayed"], again["position"]) == (True, first["position"])


def test_at_most_so_many_cards(market: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(card.MOST, "personal", 1)
    bind(market)
    problem(market.send("POST", CARDS, OTHER, key="b2"), 409, "card_limit", "member_id")
    assert market.context.personal.vault.find("number", OTHER["number"]) == []


def test_without_a_key_doors_that_need_the_vault_are_closed_and_all_others_open(
    market: Server,
) -> None:
    market.vault_key = ""
    market.restart()
    locked = market.send("POST", CARDS, ANN, key="b")
    problem(locked, 409, "vault_locked", "ZHANGFANG_VAULT_KEY")
    forget = market.send("POST", "/v1/members/xiaoming/forget", {"reason": "r"}, key="f")
    problem(forget, 409, "vault_locked", "ZHANGFANG_VAULT_KEY")
    market.sell("JD1")
    market.pay("JD1", "P1")
    assert market.ask_banks() == 0


def test_an_identity_is_certified_from_a_date_on(market: Server) -> None:
    path = "/v1/members/xiaoming/certifications"
    body = {
        "name": ANN["name"],
        "identity": ANN["identity"],
        "level": 2,
        "effective_from": "2026-12-01",
        "sources": ["police", "telecom", "bank_card"],
    }
    few = market.send("POST", path, {**body, "sources": ["police"]}, key="few")
    problem(few, 422, "terms_invalid", "sources")
    market.ok("POST", path, body, key="c")
    assert market.ok("POST", path, body, key="c")["replayed"] is True
    owner = market.context.ledger.state(member.stream("xiaoming"))
    assert [one.level for one in owner.certified] == [2]
    wrong = market.send("POST", path, {**body, "name": "韩小妹"}, key="w")
    problem(wrong, 409, "identity_differs", "identity")
    market.now_us += 8 * DAY_US
    stranger = {**OTHER, "name": "韩小妹", "identity": "110105200001010008"}
    problem(market.send("POST", CARDS, stranger, key="s"), 409, "holder_differs", "name")
    bind(market)


def test_nobody_is_certified_beside_a_card_in_another_name(market: Server) -> None:
    path = "/v1/members/xiaoming/certifications"
    body = {"level": 1, "effective_from": "2026-11-23", "sources": ["police"]}
    other = {**body, "name": "韩小妹", "identity": "110105200001010008"}
    asked = market.ok("POST", CARDS, ANN, key="b")["result"]
    market.ask_banks()
    for key in ("under-way", "bound"):
        problem(market.send("POST", path, other, key=key), 409, "holder_differs", "name")
        market.ok("POST", f"{CARDS}/{asked['card']}/confirm", {"code": CODE}, key="code")
        market.ask_banks()
    few = market.send("POST", path, {**other, "level": 9}, key="few")
    problem(few, 422, "terms_invalid", "level")
    vault = market.context.personal.vault  # What a refused request put there is gone again.
    assert vault.find("identity", other["identity"]) == []
    own = {**body, "name": ANN["name"], "identity": ANN["identity"]}
    market.ok("POST", path, own, key="own")
    market.ok("POST", path, own, key="own")
    assert [item[1] for item in vault.find("identity", ANN["identity"])] == ["card", "identity"]


def test_forgetting_waits_for_the_law_and_for_what_stands(market: Server) -> None:
    path, reason = "/v1/members/xiaoming/forget", {"reason": "asked"}
    token = bind(market)
    problem(market.send("POST", path, reason, key="f1"), 409, "retention_not_over", "member_id")
    market.now_us += 3660 * DAY_US
    problem(market.send("POST", path, reason, key="f2"), 409, "card_state_wrong", "member_id")
    market.ok("POST", f"{CARDS}/{token}/unbind", {"reason": "lost"}, key="u")
    market.ask_banks()
    problem(market.send("POST", path, reason, key="f3"), 409, "retention_not_over", "member_id")
    market.now_us += 3660 * DAY_US
    market.ok("POST", path, reason, key="f4")
    assert market.ok("POST", path, reason, key="f4")["replayed"] is True
    market.ok("POST", path, reason, key="f5")
    assert market.context.personal.vault.find("number", ANN["number"]) == []
    for body in (ANN, OTHER):
        gone = market.send("POST", CARDS, body, key=f"b{body['number']}")
        problem(gone, 409, "member_forgotten", "member_id")
    # The receipt of the binding cannot be found by its number any more: nobody has the key.
    problem(market.send("POST", CARDS, ANN, key="b1"), 409, "member_forgotten", "member_id")
    wallet = market.context.ledger.state(account.stream("2241.01.xiaoming"))
    assert wallet.status == "closed"


def test_forgetting_waits_for_money_holds_and_freezes(market: Server) -> None:
    path, reason = "/v1/members/xiaoming/forget", {"reason": "asked"}
    body = {"payment_no": "P1", "member_id": "xiaoming", "method": "JD_PAY", "amount_fen": 100}
    market.ok("POST", "/v1/recharges", body)
    market.ok("POST", "/v1/instructions/pay-P1/outcome", {"succeeded": "S1"}, key="o")
    market.now_us += 3660 * DAY_US
    problem(market.send("POST", path, reason, key="f1"), 409, "account_not_empty", "account")
    wallet = "/v1/accounts/2241.01.xiaohong"
    market.agreed("POST", f"{wallet}/freeze", {"direction": "out", "reason": "court"}, key="z")
    frozen = market.send("POST", "/v1/members/xiaohong/forget", reason, key="f2")
    problem(frozen, 409, "account_frozen", "account")
    market.agreed("POST", f"{wallet}/unfreeze", {"reason": "lifted"}, key="z2")
    market.ok("POST", "/v1/members/xiaohong/forget", reason, key="f3")
    nobody = market.send("POST", "/v1/members/nobody/forget", reason, key="f4")
    problem(nobody, 404, "member_not_found", "member_id")


def test_a_persons_name_goes_into_the_vault_and_a_companys_does_not(market: Server) -> None:
    body = {"member_id": "ann", "kind": "personal", "name": "韩梅梅儿"}
    first = market.ok("POST", "/v1/members", body)
    again = market.ok("POST", "/v1/members", body)
    assert (again["replayed"], again["position"]) == (True, first["position"])
    assert market.context.ledger.state(member.stream("ann")).name == "韩***"
    vault = market.context.personal.vault
    assert vault.read("ann", "name", "name") == {"name": "韩梅梅儿"}
    assert market.context.ledger.state(member.stream("SQUIRRELS")).name == "SQUIRRELS Ltd"
    other = market.send("POST", "/v1/members", {**body, "name": "李雷"}, key="other")
    problem(other, 409, "member_exists", "member_id")
    assert "韩梅梅儿" not in other.text
    assert vault.read("ann", "name", "name") == {"name": "韩梅梅儿"}


QUERY = '{ cards(memberId: "%s") { id number holder phone state isDefault relation } }'


def shown(server: Server, member_id: str, role: str) -> Any:
    response = server.send("POST", "/graphql", {"query": QUERY % member_id}, role=role)
    return response.json()["data"]["cards"]


def test_another_name_under_the_same_mask_is_another_registration(market: Server) -> None:
    body = {"member_id": "hanmeimei", "kind": "personal", "name": "韩梅梅"}
    market.ok("POST", "/v1/members", body)
    assert market.ok("POST", "/v1/members", body)["replayed"] is True
    other = market.send("POST", "/v1/members", {**body, "name": "韩美美"})
    problem(other, 409, "member_exists", "member_id")
    kept = market.context.personal.vault.read("hanmeimei", "name", "name")
    assert kept == {"name": "韩梅梅"}


def test_cards_are_shown_masked_and_only_to_whom_they_concern(market: Server) -> None:
    token = bind(market, COMPANY, "d", path="/v1/members/SQUIRRELS/cards")
    market.context.projector.catch_up()
    masked = {"holder": "S" + "*" * 12, "phone": "139****1111"}
    whole = {
        "id": token,
        "number": "**** 4567",
        "state": "bound",
        "isDefault": True,
        "relation": None,
    }
    for role in ("operator", "merchant"):
        assert shown(market, "SQUIRRELS", role) == [whole | masked]
    assert shown(market, "SQUIRRELS", "auditor") == [whole | {"holder": None, "phone": None}]
    assert shown(market, "SQUIRRELS", "stranger") == []
    assert shown(market, "xiaoming", "merchant") == shown(market, "SQUIRRELS", "merchant")[:0]
    market.vault_key = ""
    market.restart()
    assert shown(market, "SQUIRRELS", "operator") == [whole | {"holder": None, "phone": None}]
