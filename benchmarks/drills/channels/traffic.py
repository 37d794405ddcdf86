"""What buyers and merchants do: drawn by the seed, each payment for itself, sent over REST.

A request is repeated until it is answered: its number makes it the same one. What the books refuse
is counted by its code; some of it is the point of the drill (a wallet that is empty, a recharge
that was spent and shall be undone). What follows on a payment waits until that has ended.
"""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import httpx2

from benchmarks.drills.channels.proving import Signer, out_of_a_wallet

BUYERS = 12
PAYMENTS_OF_A_MERCHANT, FEWEST_MERCHANTS = 20, 10
METHODS = ("WECHAT_PAY", "JD_PAY", "CLOUD_QUICKPASS", "BANK_CARD")
RECHARGES = 2  # Of each buyer, to begin with.
AT_ONCE = 8
GIVE_UP_S = 30
# Commands without a number of their own.
UNNUMBERED = ("/confirm", "/send-back", "/retry", "/place", "/approve")
WITHDRAWS, NEXT_DAY = 0.15, 0.3  # Of all payments; of these, at T+1.
LAG = 40  # So many payments later, an order is confirmed or refunded, a recharge is undone.
ENDS_WITHIN, LOOK_S = 10, 0.1  # So often it is looked whether a payment has ended.
OVER = ("succeeded", "sending_back", "sent_back", "kept", "declined")
ENDED = """query ($no: ID!) { payment(no: $no) { state } }"""

PROPOSED = 202
Step = tuple[str, dict[str, Any]]


class Keys(NamedTuple):
    """Of the platform, and of two persons of the institution."""

    platform: str
    maker: str
    checker: str


def merchants(payments: int) -> int:
    """How many there are: so many that each has a few sales."""
    return max(payments // PAYMENTS_OF_A_MERCHANT, FEWEST_MERCHANTS)


def buyer(number: int) -> str:
    return f"buyer{number}"


def merchant(number: int) -> str:
    return f"SHOP{number}"


class Traffic:
    """`between(i)` is called before payment i is sent; it may kill something."""

    def __init__(self, url: str, keys: Keys, seed: int, between: Callable[[int], None]) -> None:
        self._url, self._seed, self._between = url, seed, between
        self._keys = keys
        self._local = threading.local()
        self._lock = threading.Lock()
        self._stopped = False
        self.answers: Counter[str] = Counter()
        self.wrong: list[str] = []

    def run(self, payments: int) -> None:
        """So many payments, and what follows on them."""
        self._payments = payments
        with ThreadPoolExecutor(AT_ONCE) as pool:
            try:
                for _ in pool.map(self._send, self._first()):
                    pass
                time.sleep(1)
                for _ in pool.map(self._nth, range(payments + LAG)):
                    pass
            except BaseException:  # Or it would wait until all of it is done.
                self._stopped = True
                raise

    def _nth(self, number: int) -> None:
        if self._stopped:
            return
        if number < self._payments:
            self._between(number)
            order: dict[str, Any] = {}
            for path, body in self._payment(number):
                order = body if path == "/v1/orders" else order
                self._send((path, self._agreed(path, body, order)))
            self._withdraw(number)
        if number >= LAG:
            self._afterwards(number - LAG)

    def _draws(self, what: str, number: int) -> random.Random:
        return random.Random(f"{self._seed}/{what}/{number}")

    def _first(self) -> Iterator[Step]:
        for number in range(BUYERS):
            for time_ in range(RECHARGES):
                body = {
                    "payment_no": f"F{number}-{time_}",
                    "member_id": buyer(number),
                    "method": METHODS[(number + time_) % len(METHODS)],
                    "amount_fen": 500_000,
                }
                yield "/v1/recharges", body

    def _payment(self, number: int) -> Iterator[Step]:
        draw = self._draws("payment", number)
        who, kind = buyer(draw.randrange(BUYERS)), draw.random()
        if kind < 0.1:
            body = {"payment_no": f"P{number}", "member_id": who, "method": draw.choice(METHODS)}
            yield "/v1/recharges", body | {"amount_fen": draw.randint(1_000, 100_000)}
            return
        if kind < 0.16:
            body = {"transfer_no": f"X{number}", "payer": who, "payee": buyer(draw.randrange(3))}
            if body["payee"] != who:
                yield "/v1/transfers", body | {"amount_fen": draw.randint(100, 20_000)}
            return
        lines = [
            {"merchant": merchant(one), "amount_fen": draw.randint(200, 60_000), "subject": "坚果"}
            for one in draw.sample(range(merchants(self._payments)), draw.choice((1, 1, 1, 2, 3)))
        ]
        yield "/v1/orders", {"order_no": f"O{number}", "buyer": who, "lines": lines}
        total = sum(int(str(line["amount_fen"])) for line in lines)
        asked = {"payment_no": f"P{number}", **self._sources(draw, total)}
        yield f"/v1/orders/O{number}/payments", asked

    def _agreed(self, path: str, body: dict[str, Any], order: dict[str, Any]) -> dict[str, Any]:
        """With the proof that the owner of the wallet agrees, where one is asked for it."""
        out = out_of_a_wallet(path, body, order)
        if out is None:
            return body
        who, about = out
        said = self.tell(f"/v1/members/{who}/proofs", Signer(who).agreed(about))
        return {**body, "proof": said["proof"]} if said else body

    def tell(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Send what is no command: the answer, {} where it is refused."""
        answer = self._send((path, body))
        if answer is None or answer.status_code >= 400:
            return {}
        found: dict[str, Any] = answer.json()
        return found

    def _withdraw(self, number: int) -> None:
        """Money from a wallet to a card, at the fee that is shown."""
        draw = self._draws("withdrawal", number)
        if draw.random() > WITHDRAWS:
            return
        who, fen = buyer(draw.randrange(BUYERS)), draw.randint(100, 60_000)
        speed = "T+1" if draw.random() < NEXT_DAY else "T+0"
        shown = self._asked(
            f"/v1/members/{who}/withdrawal-quote",
            lambda session, url, headers: session.get(
                url, params={"amount_fen": fen, "speed": speed}, headers=headers
            ),
        )
        if shown is None or shown.status_code >= 400:
            return
        asked = {"withdrawal_no": f"D{number}", "member_id": who, "amount_fen": fen}
        fee = {"fee_fen": shown.json()["fee_fen"], "speed": speed}
        self._send(("/v1/withdrawals", {**asked, **fee}))

    def decided(self, path: str, body: dict[str, Any], number: str) -> dict[str, Any] | None:
        """One more command under a number of its own: what was decided, None for a refusal."""
        answer = self._posted(path, body, number=number)
        if answer is None or answer.status_code >= 400:
            return None
        found: dict[str, Any] = answer.json()["result"]
        return found

    def _sources(self, draw: random.Random, total: int) -> dict[str, Any]:
        """One channel; the wallet and one or two channels; two channels; the wallet alone."""
        kind = draw.random()
        if kind < 0.65:
            return {"method": draw.choice(METHODS)}
        methods = draw.sample(METHODS, 2)
        if kind < 0.8:
            methods = ["WALLET_BALANCE", methods[0]]
        elif kind < 0.88:
            methods = ["WALLET_BALANCE", *methods]
        elif kind < 0.92:
            return {"method": "WALLET_BALANCE"}
        cuts = sorted(draw.sample(range(1, total), len(methods) - 1))
        parts = [end - begin for begin, end in zip([0, *cuts], [*cuts, total], strict=True)]
        return {
            "legs": [
                {"method": method, "amount_fen": part}
                for method, part in zip(methods, parts, strict=True)
            ]
        }

    def _afterwards(self, number: int) -> None:
        steps, draw = list(self._payment(number)), self._draws("afterwards", number)
        if not steps or steps[0][0] == "/v1/transfers":
            return
        undone = len(steps) == 1  # A recharge.
        if undone and draw.random() > 0.4:
            return
        if not self._is_paid(f"P{number}"):
            return
        if undone:
            self._send((f"/v1/recharges/P{number}/send-back", {"reason": "by mistake"}))
            return
        for place, line in enumerate(steps[0][1]["lines"]):
            kind, whose = draw.random(), f"{line['merchant']}-O{number}"
            if kind < 0.6:
                self._send((f"/v1/transactions/{whose}/confirm", {}))
            if 0.5 < kind < 0.8:
                amount = line["amount_fen"] if kind < 0.6 else draw.randint(1, line["amount_fen"])
                body = {"refund_no": f"R{number}-{place}", "amount_fen": amount}
                self._send((f"/v1/transactions/{whose}/refunds", body))

    def _is_paid(self, payment_no: str) -> bool:
        """Whether a payment has succeeded; one that does not end soon has not."""
        asked = {"query": ENDED, "variables": {"no": payment_no}}
        for _ in range(ENDS_WITHIN):
            answer = self._posted("/graphql", asked)
            found = answer.json()["data"]["payment"] if answer is not None else None
            if found is None or found["state"] in OVER:
                break
            time.sleep(LOOK_S)
        paid = found is not None and found["state"] == "succeeded"
        with self._lock:
            self.answers["paid" if paid else "not paid, or not soon"] += 1
        return paid

    def post(self, path: str, body: dict[str, Any]) -> None:
        """Send one more command, one that needs two persons."""
        answer = self._send((path, body), self._keys.maker)
        if answer is not None and answer.status_code == PROPOSED:
            approval_id = answer.json()["result"]["approval_id"]
            self._send((f"/v1/approvals/{approval_id}/approve", {}), self._keys.checker)

    def _send(self, step: Step, key: str = "") -> httpx2.Response | None:
        path, body = step
        answer = self._posted(path, body, key=key)
        if answer is None:
            return None
        done = answer.status_code < 400
        code = "done" if done else str(answer.json().get("code", answer.status_code))
        with self._lock:
            self.answers[code] += 1
        if answer.status_code >= 500:
            self._say(f"{path}: {answer.status_code} {answer.text[:200]}")
        return answer

    def _posted(
        self, path: str, body: dict[str, Any], *, number: str = "", key: str = ""
    ) -> httpx2.Response | None:
        if path.endswith(UNNUMBERED):
            number = number or path.replace("/", "-")
        return self._asked(
            path,
            lambda session, url, headers: session.post(url, json=body, headers=headers),
            number,
            key,
        )

    def _asked(
        self,
        path: str,
        ask: Callable[[httpx2.Client, str, dict[str, str]], httpx2.Response],
        number: str = "",
        key: str = "",
    ) -> httpx2.Response | None:
        """The answer, asked for until there is one; None when there was none for so long."""
        session = getattr(self._local, "session", None)
        if session is None:
            session = self._local.session = httpx2.Client(timeout=GIVE_UP_S, trust_env=False)
        headers = {"Authorization": f"Bearer {key or self._keys.platform}"}
        if number:
            headers["Idempotency-Key"] = number
        until = time.monotonic() + GIVE_UP_S
        while not self._stopped:
            try:
                answer = ask(session, self._url + path, headers)
            except httpx2.HTTPError:
                if time.monotonic() > until:  # Then it is over: nobody else will be answered.
                    self._say(f"{path}: no answer within {GIVE_UP_S} s")
                    self._stopped = True
                    return None
                time.sleep(0.1)
                continue
            if answer.status_code in (429, 503) and time.monotonic() < until:
                time.sleep(0.1)
                continue
            return answer
        return None

    def _say(self, what: str) -> None:
        with self._lock:
            self.wrong.append(what)
