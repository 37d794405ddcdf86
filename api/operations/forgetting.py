"""Ledger, vault and the list beside the keys agree on who is forgotten, whichever was restored.

the ledger says so, the vault does not      the vault forgets (it was restored, or a crash was
                                            between the fact and the erasure)
the vault or the list says so, the ledger   the ledger records it again: it was decided, and
does not                                    cannot be undone (ADR 31)
"""

from msgspec import Struct
from sqlalchemy import Engine

from api.operations.desk import request
from domain.events import NAMES
from domain.kernel import key, shanghai_date
from domain.ledger import codec
from domain.ledger.ledger import Ledger
from domain.member import member
from domain.member.terms import RETENTION_YEARS
from domain.payment.forgetting import ForgetAgain
from domain.vault.vault import Vault
from projections.engine import checkpoints
from projections.models import members

SYSTEM = "system:vault"
NAME = NAMES[member.Forgotten]
PAGE = 1_000


class Agreed(Struct, frozen=True):
    """Members forgotten anew by the vault, and recorded anew by the ledger."""

    erased: list[str]
    recorded: list[str]


def agree(ledger: Ledger, reads: Engine, vault: Vault, at_us: int) -> Agreed:
    """Bring both to what either knows. It costs what is forgotten, and what the read model of
    members has yet to read."""
    known = _by_the_ledger(ledger, reads)
    erased = [one for one, since_us in sorted(known.items()) if vault.forget(one, since_us)]
    recorded = []
    for member_id, since_us in vault.forgotten().items():
        state = ledger.state(member.stream(member_id))
        if state.kind is None or state.forgotten:
            continue
        again = ForgetAgain(member_id, shanghai_date(since_us), RETENTION_YEARS)
        ledger.submit(request(f"forget-again:{member_id}:{at_us}", at_us, again, SYSTEM)).unwrap()
        recorded.append(member_id)
    return Agreed(erased, recorded)


def _by_the_ledger(ledger: Ledger, reads: Engine) -> dict[str, int]:
    """By the read model of members, and by the facts that it has not read yet."""
    with reads.connect() as connection:
        at = checkpoints.load(connection, ["members"]).get("members")
        found = members.forgotten(connection)
    after = 0 if at is None else at.position
    while rows := ledger.recorder.read_log(after, PAGE):
        for row in rows:
            if row.name == NAME:
                found.setdefault(key(row.stream), codec.decode(row).at_us)
        after = rows[-1].position
    return found
