"""A hot merchant at the doors of two processes: sales, refunds that wait, holds, and days that end.

Once it is one server, whose second process passes commands on, and once two servers with a
committer each, that meet in every commit.
"""

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import date, timedelta
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import pytest

from api.cli.opening import open_desk
from domain.kernel import shanghai_date
from domain.ledger.ledger import utc_us
from tests.api.cli.several import send
from tests.api.cli.terminal import Terminal
from tests.api.cli.test_serve import first_answer
from tests.shops import USUAL_JSON

pytestmark = pytest.mark.timeout(240)
SELLERS, SALES, DAYS = 6, 5, 2
_numbers = itertools.count()
SHOP, PENDING = "SHOP", "2241.02.SHOP"


class Doors:
    """Where the market's servers listen, one address for each connection in turn."""

    def __init__(self, addresses: list[str], keys: dict[str, str]) -> None:
        self.addresses = addresses
        self.keys = keys

    def connect(self, number: int) -> HTTPConnection:
        where = urlsplit(self.addresses[number % len(self.addresses)])
        assert where.hostname and where.port
        return HTTPConnection(where.hostname, where.port, timeout=60)


class Caller:
    """One connection; an answer that says "busy" is asked for again."""

    def __init__(self, doors: Doors, number: int, role: str = "operator") -> None:
        self._key = doors.keys[role]
        self.connection = doors.connect(number)

    def __call__(
        self, method: str, path: str, body: Any = None, refused: tuple[str, ...] = ()
    ) -> Any:
        wanted = dict(body or {})
        idempotency = f"n-{next(_numbers)}"
        for _ in range(100):
            headers = {"Idempotency-Key": idempotency}
            status, answer = send(self.connection, method, path, wanted, self._key, headers)
            if status in (200, 201, 202):
                return answer["result"]
            if answer["code"] in refused:
                return None
            assert answer["code"] == "busy", (path, status, answer)
            time.sleep(0.05)
        raise AssertionError(f"{path} is busy for ever")


@contextmanager
def one_server(books: Terminal) -> Iterator[list[str]]:
    words = ("serve", "--workers", "2", "--port", "0", "--no-worker", "--json")
    with books.process(*words) as process:
        said = first_answer(process)
        yield [said["urls"]["health"]]
        process.terminate()
        assert process.wait(60) == 0


@contextmanager
def two_servers(books: Terminal) -> Iterator[list[str]]:
    with ExitStack() as stack:
        started = [
            stack.enter_context(
                books.process("serve", "--port", "0", "--no-worker", "--json"),
            )
            for _ in range(2)
        ]
        yield [first_answer(process)["urls"]["health"] for process in started]
        for process in started:
            process.terminate()
            assert process.wait(60) == 0


@pytest.mark.parametrize("serving", [one_server, two_servers])
def test_a_hot_merchant_is_right_whichever_process_decides(
    terminal: Terminal, serving: Callable[[Terminal], Any]
) -> None:
    assert terminal("init").code == 0
    keys = {
        name: terminal("key", "create", "--role", "operator").out.strip()
        for name in ("operator", "checker")
    }
    for name, office in (("lin", "cashier"), ("zhao", "reviewer")):
        assert terminal("staff", "appoint", name, "--office", office).code == 0
        made = terminal("key", "create", "--role", "operator", "--operator", name)
        keys[office] = made.out.strip()
    with serving(terminal) as addresses:
        doors = Doors(addresses, keys)
        market = Market(doors)
        market.open()
        market.trade()
    assert terminal("verify").code == 0, terminal("verify").out
    with open_desk(terminal.url) as desk:
        for number in range(SELLERS):
            for n in range(SALES):
                state = desk.ledger.state(f"order-O{number}x{n}")  # type: ignore[arg-type]
                assert state.status == "paid", (number, n)
        assert market.waited > 0, "some refunds waited for an operator"
        assert desk.ledger.state("day-books").open_date == market.day  # type: ignore[arg-type, attr-defined]


PERSONS = ("cashier", "reviewer")


class Market:
    def __init__(self, doors: Doors) -> None:
        self._doors = doors
        self.day: date = shanghai_date(utc_us()) - timedelta(days=DAYS)
        self.waited = 0
        self._sold = threading.Event()

    def open(self) -> None:
        ask = Caller(self._doors, 0)
        ask("POST", f"/v1/business-days/{self.day}/open")
        shop = {
            "member_id": SHOP,
            "kind": "enterprise",
            "name": SHOP,
            "fee_rule": {"rate_bps": 60},
            "settlement_cycle": "D+0",
            "agreement": USUAL_JSON,
        }
        ask("POST", "/v1/members", shop)
        limit = {"effective_from": str(self.day + timedelta(days=DAYS)), "limit_fen": 0}
        maker, checker = (Caller(self._doors, n, who) for n, who in enumerate(PERSONS))
        wished = maker("POST", f"/v1/members/{SHOP}/debt-limits", limit)
        checker("POST", f"/v1/approvals/{wished['approval_id']}/approve")
        for number in range(SELLERS):
            body = {"member_id": f"B{number}", "kind": "personal", "name": f"B{number}"}
            ask("POST", "/v1/members", body)

    def trade(self) -> None:
        failures: list[BaseException] = []

        def guarded(work: Callable[..., None], *given: int) -> None:
            try:
                work(*given)
            except BaseException as error:
                failures.append(error)

        work = [threading.Thread(target=guarded, args=(self._sell, n)) for n in range(SELLERS)]
        beside = [threading.Thread(target=guarded, args=(one,)) for one in (self._hold, self._end)]
        for thread in (*work, *beside):
            thread.start()
        for thread in work:
            thread.join(200)
        self._sold.set()
        for thread in beside:
            thread.join(100)
        if failures:
            raise failures[0]
        self._wait_for_approval()

    def _sell(self, number: int) -> None:
        """Each sale is refunded twice: in escrow, and after its release, when it may have to wait
        for an operator because the merchant's money is held or paid out."""
        ask = Caller(self._doors, number)
        check = Caller(self._doors, number + 1, "checker")
        for n in range(SALES):
            order = f"O{number}x{n}"
            line = {"merchant": SHOP, "amount_fen": 1_000 + n, "subject": "nuts"}
            body = {"order_no": order, "buyer": f"B{number}", "lines": [line]}
            ask("POST", "/v1/orders", body)
            pay = {"payment_no": f"P{order}", "method": "JD_PAY"}
            ask("POST", f"/v1/orders/{order}/payments", pay)
            self._answered(ask, f"pay-P{order}")
            sale = f"/v1/transactions/{SHOP}-{order}"
            early = {"refund_no": f"E{order}", "amount_fen": 100}
            ask("POST", f"{sale}/refunds", early)
            self._answered(check, f"refund-E{order}")
            ask("POST", f"{sale}/confirm", {"by": "buyer"})
            late = {"refund_no": f"L{order}", "amount_fen": 700}
            if ask("POST", f"{sale}/refunds", late).get("state") == "requested":
                self.waited += 1
                what = "approve" if n % 2 else "reject"
                body = {} if n % 2 else {"reason": "not now"}
                check("POST", f"/v1/refunds/L{order}/{what}", body)
                if what == "reject":
                    continue
            self._answered(ask, f"refund-L{order}")

    def _wait_for_approval(self) -> None:
        """One process holds all that the merchant has, the next refund waits at the other."""
        hold, ask = Caller(self._doors, 0), Caller(self._doors, 1)
        check = Caller(self._doors, 2, "checker")
        path, none_left = f"/v1/accounts/{PENDING}/holds", ("balance_insufficient",)
        for size in (10_000, 1_000, 100, 10, 1):
            body = {"hold_id": f"ALL{size}x0", "amount_fen": size, "reason": "dispute"}
            while hold("POST", path, body, refused=none_left):
                body["hold_id"] = f"{body['hold_id']}0"
        order = f"O0x{SALES - 1}"
        body = {"refund_no": "WAITS", "amount_fen": 50}
        asked = ask("POST", f"/v1/transactions/{SHOP}-{order}/refunds", body)
        assert asked["state"] == "requested", asked
        self.waited += 1
        check("POST", "/v1/refunds/WAITS/approve")
        self._answered(ask, "refund-WAITS")

    def _answered(self, ask: Caller, instruction: str) -> None:
        path = f"/v1/instructions/{instruction}/outcome"
        ask("POST", path, {"succeeded": f"S-{instruction}"})

    def _hold(self) -> None:
        """Whatever the merchant has is held, bit by bit, and all of it let go again."""
        take, let_go = Caller(self._doors, 0), Caller(self._doors, 1, "checker")
        path, held, n = f"/v1/accounts/{PENDING}/holds", list[str](), 0
        while not self._sold.wait(0.005):
            n += 1
            body = {"hold_id": f"H{n}", "amount_fen": 300, "reason": "dispute"}
            none_left = ("balance_insufficient", "account_not_found")
            if take("POST", path, body, refused=none_left):
                held.append(f"H{n}")
            elif n % 3 == 0:
                while held:
                    let_go("DELETE", f"{path}/{held.pop()}")
        for hold in held:
            let_go("DELETE", f"{path}/{hold}")

    def _end(self) -> None:
        """Days end, by one process and the other, while everybody sells."""
        for n in range(DAYS):
            time.sleep(1)
            report = Caller(self._doors, n)("POST", f"/v1/business-days/{self.day}/settle")
            assert report["closed"], report
            self.day += timedelta(days=1)
