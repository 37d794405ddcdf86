"""Customers (客户): which members are one person, found by identity number and told by a word that
says nothing.

The word is a digest under the key of the person's first member that is certified, kept beside that
member's identity, sealed; the next member of the same number is given the same word. So facts say
that two members are one person, and when the first is forgotten nobody can try identity numbers
against the word any more, with whatever key.
"""

from sqlalchemy import text

from domain.vault.vault import MemberKey, Vault, refuse_forgotten

FIELD = "customer"

# The words of members whose items of this kind are found by a digest.
_KNOWN = text(
    "SELECT told.member_id, told.item, told.ciphertext FROM items AS told JOIN items AS shown "
    "ON shown.member_id = told.member_id AND shown.kind = told.kind AND shown.item = told.item "
    "WHERE shown.found_by = :found AND shown.kind = :kind AND told.field = :field "
    "ORDER BY told.member_id, told.item"
)
_ADD = text(
    "INSERT INTO items (member_id, kind, item, field, ciphertext, found_by) VALUES "
    "(:member, :kind, :item, :field, :ciphertext, NULL)"
)


def customer_of(vault: Vault, key: MemberKey, kind: str, item: str, field: str, plain: str) -> str:
    """What the person is called whose item is found by this text: the same for every member, and
    again. The member's own item is there already. Two that ask at once are given one word.

    Raises Refused(MEMBER_FORGOTTEN, VAULT_LOCKED, VAULT_DAMAGED).
    """
    digest = vault.digest(field, plain)
    with vault.writing(key.member_id, digest) as connection:
        refuse_forgotten(connection, key.member_id)
        wanted = {"found": digest, "kind": kind, "field": FIELD}
        rows = connection.execute(_KNOWN, wanted).all()
        mine = [row for row in rows if (row[0], row[1]) == (key.member_id, item)]
        word = ""
        for member_id, there, ciphertext in mine or rows[:1]:
            whose = vault.key_in(connection, member_id)
            if whose is not None:
                word = whose.open(kind, there, FIELD, bytes(ciphertext))
        if mine and word:
            return word
        word = word or key.token(FIELD, plain)
        sealed = key.seal(kind, item, FIELD, word)
        row = {"member": key.member_id, "kind": kind, "item": item, "field": FIELD}
        connection.execute(_ADD, {**row, "ciphertext": sealed})
        return word
