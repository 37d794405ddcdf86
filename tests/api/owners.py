"""A payer of the cashier's pages who has a wallet, a card, and what he proves himself by."""

import re
from typing import Any

from domain.accounting import account
from domain.cashier import session
from tests.api.conftest import Server
from tests.api.rest.test_cards import ANN, bind
from tests.api.rest.test_factors import PASSWORD, certify, of, recharge
from tests.api.test_cashier import Payer

WALLET = "2241.01.xiaoming"


class Owner(Payer):
    """The payer with what he knows and has."""

    def form(self, page: str) -> dict[str, str]:
        return dict(re.findall(r'name="(attempt|page|token|plan)" value="([^"]*)"', page))

    def post(self, path: str, page: str, /, **more: str) -> Any:
        sent = self.server.client.post(
            f"{self.path}{path}", data={**self.form(page), **more}, follow_redirects=False
        )
        assert sent.status_code == 303, sent.text
        return sent

    def identify(self, page: str, /, **given: str) -> str:
        sent = self.post("/identify", page, **(given or {"password": PASSWORD}))
        return str(self.get(sent.headers["location"]).text)

    def choose(self, page: str, /, **more: str) -> Any:
        """Through the page that confirms, where the choice leads there."""
        sent = self.post("", page, **more)
        return self.get(sent.headers["location"])

    def charge(self, page: str, /, **given: str) -> str:
        sent = self.post("/confirm", page, **given)
        return str(self.get(sent.headers["location"]).text)

    def code(self, page: str, path: str = "/confirm/code") -> str:
        """The code that comes to his telephone; the page goes on by itself."""
        self.page = self.get(self.post(path, page).headers["location"]).text
        phone, words = self.server.bank.messages[-1]
        assert phone == ANN["phone"]
        found = re.search(r"[0-9]{6}", words)
        assert found is not None
        return found[0]


def owner_of(market: Server) -> Owner:
    """A person with a card, a password, class 3 and 300.00; an order of 89.00."""
    market.ok("POST", "/v1/channels/UNIONPAY_CARD/register", {}, key="unionpay")
    bind(market)
    certify(market, "xiaoming")
    market.ok("POST", of("payment-password"), {"payment_password": PASSWORD})
    recharge(market, "xiaoming", 30_000)
    market.sell("JD1")
    return Owner(market)


def spent(server: Server) -> int:
    """What has left the wallet, or is held there, in fen."""
    state: account.State = server.context.ledger.state(account.stream(WALLET))
    return 30_000 - state.available_fen


def last(server: Server, session_no: str = "S1") -> session.Attempted | None:
    return server.context.ledger.state(session.stream(session_no)).last
