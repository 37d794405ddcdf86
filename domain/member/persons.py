"""Who is behind an actor, and whether two actors are two persons.

    staff:alice              an operator of the institution, by any key of hers
    merchant:SHOP22/liaoyuan an operator of a merchant, by any key of his
    merchant:SHOP22          a merchant's own system, by a key that belongs to nobody
    operator:<key id>        a key of the institution that belongs to nobody
    system:worker            a program

Four eyes are of two persons, not of two keys: a key that belongs to nobody may be anybody's.
"""

from domain.refusals import Code, Refused

STAFF, UNNAMED = "staff:", "operator:"


def refuse_same(maker: str, checker: str) -> None:
    """Raises CHECKER_IS_MAKER for one person, PERSON_UNKNOWN where one of two keys of the
    institution says whose it is and the other does not: they may be one person's.

    Two keys that both say nothing are told apart by their ids, as before keys had owners.
    """
    refuse_same_person(maker, checker)
    for known, other in ((maker, checker), (checker, maker)):
        if known.startswith(STAFF) and other.startswith(UNNAMED):
            raise Refused(Code.PERSON_UNKNOWN, "actor", f"{other} may be {known}")


def refuse_same_person(maker: str, checker: str) -> None:
    """Raises CHECKER_IS_MAKER for who asked for it."""
    if maker == checker:
        raise Refused(Code.CHECKER_IS_MAKER, "actor", f"{checker} is who asked for it")


def refuse_unnamed(actor: str) -> None:
    """Raises PERSON_UNKNOWN for a key of the institution that belongs to nobody."""
    if actor.startswith(UNNAMED):
        raise Refused(Code.PERSON_UNKNOWN, "actor", f"{actor}: a key of a person is needed")


def refuse_other_than_staff(actor: str) -> None:
    """Raises PERSON_UNKNOWN for who is no known person of the institution."""
    if not actor.startswith(STAFF):
        raise Refused(Code.PERSON_UNKNOWN, "actor", f"{actor}: a key of a person is needed")
