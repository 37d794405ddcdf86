"""Cards and accounts that are bound before anybody pays, at the simulator's bank, over REST: most
buyers have a card, some merchants an account. The holder's code is read off the telephone.
"""

import random
import time
from collections.abc import Callable, Iterator
from typing import Any

from benchmarks.drills.channels import traffic
from benchmarks.drills.channels.outside import Outside

NO_CARD = 6  # Of so many buyers one has none: its withdrawals are refused.
BOUND_ACCOUNT = 3  # Of so many merchants one has bound an account: it is paid there, by token.
IDENTITY, COMPANY = "11010519491231002X", "91110000600037341L"
NAME, SHOP = "韩梅梅", "shop"
LOOK_S, WITHIN_S, TIMES = 0.02, 10.0, 5

Body = dict[str, Any]


def has_card(number: int) -> bool:
    return number % NO_CARD != NO_CARD - 1


def owners(payments: int) -> Iterator[tuple[str, Body]]:
    """Who binds what."""
    for one in range(traffic.BUYERS):
        if has_card(one):
            number = _with_last_digit(f"622202{one:09}")
            yield traffic.buyer(one), _body(number, NAME, IDENTITY, f"138{one:08}")
    for one in range(1, traffic.merchants(payments), BOUND_ACCOUNT):
        number = f"1100{one:018}"
        yield traffic.merchant(one), _body(number, SHOP, COMPANY, f"139{one:08}")


def _body(number: str, name: str, identity: str, phone: str) -> Body:
    return {"number": number, "name": name, "identity": identity, "phone": phone}


def _with_last_digit(digits: str) -> str:
    """By Luhn, as cards have it."""
    doubled = sum(sum(divmod(2 * int(one), 10)) for one in digits[::-2])
    plain = sum(int(one) for one in digits[-2::-2])
    return f"{digits}{-(doubled + plain) % 10}"


def bind_all(
    post: Callable[[str, Body], Body | None], outside: Outside, payments: int, seed: int
) -> None:
    """Each by itself; `post` gives what was decided, None for a refusal. A code that was late, or
    lost on its way, is asked for anew; every fifth holder mistypes it first."""
    for member_id, body in owners(payments):
        for _ in range(TIMES):
            if _bind(post, outside, member_id, body, f"{seed}/{member_id}"):
                break


def _bind(
    post: Callable[[str, Body], Body | None],
    outside: Outside,
    member_id: str,
    body: Body,
    drawn_by: str,
) -> bool:
    cards = f"/v1/members/{member_id}/cards"
    asked = post(cards, body)
    if asked is None:
        return False
    used: set[str] = set()
    until, mistypes = time.monotonic() + WITHIN_S, random.Random(drawn_by).random() < 0.2
    confirm = f"{cards}/{asked['card']}/confirm"
    while time.monotonic() < until:
        told = outside.get(f"/book/telephone?phone={body['phone']}")["messages"]
        codes = [one["code"] for one in told if one["state"] == "CODE_SENT"]
        if codes and codes[0] not in used:
            if mistypes:
                mistypes = False
                post(confirm, {"code": "000000"})
            elif post(confirm, {"code": codes[0]}) is not None:
                used.add(codes[0])
        elif told and told[0]["state"] == "SIGNED":
            return True
        elif told and told[0]["state"] == "REFUSED":
            return False
        time.sleep(LOOK_S)
    return False
