"""A chargeback and its money over HTTP: what was taken off is linked to it, as answers say."""

from api.rest.differences import SHORT
from tests.api.conftest import Server, problem
from tests.api.rest.disputing import case, dispute

DIFFERENCE, CASE = f"/v1/differences/{SHORT}", "JD_PAY-C1003"


def test_a_difference_is_linked_to_a_chargeback(market: Server) -> None:
    dispute(market, "SQUIRRELS")
    market.ok("POST", "/v1/chargebacks", case("C1003", "SQUIRRELS", 600), key="C1003")
    link = {"resolution": "link", "reason": "it was taken off"}
    for to, status, code in (
        ("JD_PAY-C9999", 404, "chargeback_not_found"),
        ("JD_PAY-C1002", 422, "resolution_unfit"),  # Of 50.00.
        (f"{CASE},JD_PAY-C1002", 422, "resolution_unfit"),
        (f"{CASE},", 422, "identifier_invalid"),
    ):
        wanted = {**link, "to": to}
        refused = market.send(
            "POST", f"{DIFFERENCE}/propose", wanted, role="operator", key=f"p{len(to)}{code}"
        )
        problem(refused, status, code, "to")
    wanted = {**link, "to": CASE}
    market.ok("POST", f"{DIFFERENCE}/propose", wanted, role="operator", key="p1")
    done = market.ok("POST", f"{DIFFERENCE}/approve", {}, role="checker", key="a1")["result"]
    assert (done["state"], done["resolution"]) == ("resolved", "link")
    ended = {"outcome": "won", "reason": "the bank takes it back"}
    told = market.ok("POST", f"/v1/chargebacks/{CASE}/end", ended, role="operator", key="e1")[
        "result"
    ]
    assert (told["state"], told["met_by"]) == ("won", SHORT)
