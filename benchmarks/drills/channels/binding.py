"""Cards and accounts that are bound before anybody pays, at the simulator's bank, over REST: most
buyers have a card, some merchants an account. The holder's code is read off the telephone. Buyers
are certified, each as a person of its own, and get a payment password and a key to sign with.
"""

import random
import re
import time
from collections.abc import Callable, Iterator
from typing import Any

from benchmarks.drills.channels import traffic
from benchmarks.drills.channels.outside import Outside
from benchmarks.drills.channels.proving import PASSWORD, Signer

NO_CARD = 6  # Of so many buyers one has none: its withdrawals are refused.
BOUND_ACCOUNT = 3  # Of so many merchants one has bound an account: it is paid there, by token.
COMPANY = "91110000600037341L"
NAME, SHOP = "韩梅梅", "shop"
LOOK_S, WITHIN_S, TIMES = 0.02, 10.0, 5

Body = dict[str, Any]
_code_in = re.compile(r"[0-9]{6}")


def has_card(number: int) -> bool:
    return number % NO_CARD != NO_CARD - 1


def owners(payments: int) -> Iterator[tuple[str, Body]]:
    """Who binds what."""
    for one in range(traffic.BUYERS):
        if has_card(one):
            number = _with_last_digit(f"622202{one:09}")
            yield traffic.buyer(one), _body(number, NAME, identity(one), f"138{one:08}")
    for one in range(1, traffic.merchants(payments), BOUND_ACCOUNT):
        number = f"1100{one:018}"
        yield traffic.merchant(one), _body(number, SHOP, COMPANY, f"139{one:08}")


def identity(number: int) -> str:
    """Of a buyer, with its last character (GB 11643)."""
    digits = f"11010519491231{number:03}"
    total = sum(int(one) * pow(2, 17 - place, 11) for place, one in enumerate(digits))
    return digits + "10X98765432"[total % 11]


def prove_all(
    post: Callable[[str, Body], Body | None],
    tell: Callable[[str, Body], Body],
    today: Callable[[], str],
) -> None:
    """What buyers prove themselves by. `tell` sends what is no command: {} where it is refused."""
    for one in range(traffic.BUYERS):
        member = f"/v1/members/{traffic.buyer(one)}"
        who = {"name": NAME, "identity": identity(one), "level": 3, "sources": ["in_person"]}
        for _ in range(TIMES):  # Days are short here: the date may be over when it arrives.
            if post(f"{member}/certifications", {**who, "effective_from": today()}):
                break
        tell(f"{member}/payment-password", {"payment_password": PASSWORD})
        post(f"{member}/certificates", {"public_key": Signer(traffic.buyer(one)).public_key})


def reset_some(
    tell: Callable[[str, Body], Body], outside: Outside, seed: int, *, every: int = 4
) -> None:
    """Some buyers have forgotten theirs: a code comes to the telephone, over the network."""
    for one in range(seed % every, traffic.BUYERS, every):
        if not has_card(one):
            continue
        member, phone = f"/v1/members/{traffic.buyer(one)}", f"138{one:08}"
        if not tell(f"{member}/codes", {"kind": "reset"}):
            continue
        told = outside.get(f"/book/telephone?phone={phone}")["messages"]
        found = next(_code_in.search(one["words"]) for one in told if "words" in one)
        assert found is not None, told
        who = {"name": NAME, "identity": identity(one), "code": found[0]}
        tell(f"{member}/payment-password/reset", {**who, "new_payment_password": PASSWORD})


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
        told = [one for one in told if "state" in one]
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
