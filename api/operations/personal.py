"""Personal data at the doors: into the vault first, then a command that carries tokens alone.

A request that is repeated gives the same tokens, so the same digest and the same receipt; what it
puts into the vault again is there already. What a refused command put there goes again.
"""

from collections.abc import Callable
from datetime import date
from typing import Any

from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy import Engine

from api.operations.webhooks.addresses import Allow
from domain.channel.cards import CardBank, Particulars
from domain.fields import checked_member_id, checked_text
from domain.kernel import Command, shanghai_date
from domain.ledger.ledger import Ledger, utc_us
from domain.member import card, member
from domain.member.binding import BindCard, ConfirmCard, checked_token
from domain.member.commands import CertifyMember, RegisterMember
from domain.member.member import Forgotten
from domain.member.particulars import (
    checked_account,
    checked_card,
    checked_code,
    checked_credit_code,
    checked_document,
    checked_identity,
    checked_name,
    checked_phone,
    masked_name,
)
from domain.member.signing import Relation
from domain.member.terms import RETENTION_YEARS, Source
from domain.payment.forgetting import ForgetMember
from domain.refusals import Code, Refused
from domain.vault.customers import customer_of
from domain.vault.vault import MemberKey, Vault
from projections.models import cards

CARD, CODE, IDENTITY, NAME = "card", "code", "identity", "name"  # Kinds of items in the vault.
ACCOUNT = "account"  # One that an authority names, beside what is known of whose money it takes.
NO_KEY = "no key of the vault is configured here: ZHANGFANG_VAULT_KEY or ZHANGFANG_VAULT_KEY_FILE"


class Wish(Struct, frozen=True, forbid_unknown_fields=True):
    """What a caller asks, in clear. Printed, it shows nothing."""

    member_id: str

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.member_id}, …)"


class CardWanted(Wish, frozen=True, forbid_unknown_fields=True):
    """A card or account to be signed by its bank. In another name than the member's it needs its
    legal `relation` and the number of the `document` that says so."""

    number: str
    name: str
    identity: str
    phone: str
    relation: Relation = ""
    document: str = ""


class CodeEntered(Wish, frozen=True, forbid_unknown_fields=True):
    card: str
    code: str


class IdentityShown(Wish, frozen=True, forbid_unknown_fields=True):
    name: str
    identity: str
    level: int
    effective_from: date
    sources: tuple[Source, ...]


class ForgetWanted(Wish, frozen=True, forbid_unknown_fields=True):
    reason: str


class Keeping(Struct, frozen=True):
    """What a process is given: the vault, None without a key; what makes a way to the bank, for
    each event loop its own; how long data is kept after the last transaction; and where events may
    be sent to, which secrets of the vault sign."""

    vault: Vault | None = None
    bank: Callable[[], CardBank] | None = None
    retention_years: int = RETENTION_YEARS
    hooks_to: Allow = "public"


class Personal:
    """What the doors share. `vault` is None where no key is configured: then everything that needs
    it is refused, VAULT_LOCKED."""

    def __init__(
        self,
        ledger: Ledger,
        reads: Engine,
        vault: Vault | None,
        bank: CardBank,
        retention_years: int = RETENTION_YEARS,
        *,
        wall: Callable[[], int] = utc_us,
        factor: int = 1,
    ) -> None:
        """The books' clock runs `factor` times as fast as the wall's."""
        self.ledger = ledger
        self.factor = factor
        self.bank = bank
        self._reads = reads
        self._vault = vault
        self._years = retention_years
        self._wall = wall

    @property
    def vault(self) -> Vault:
        """Raises Refused(VAULT_LOCKED) where there is none."""
        if self._vault is None:
            raise Refused(Code.VAULT_LOCKED, "ZHANGFANG_VAULT_KEY", NO_KEY)
        return self._vault

    def derived(self, label: str) -> dict[int, bytes]:
        """Keys of the doors, by version. Raises Refused(VAULT_LOCKED)."""
        return self.vault.derived(label)

    @property
    def is_open(self) -> bool:
        return self._vault is not None

    # From what a caller said to a command.

    def register(self, wish: RegisterMember) -> RegisterMember:
        """A person's name goes into the vault, and stands masked in the command. Without a key it
        is taken as it is given: then it must be no more than what the person is called here.

        Raises Refused: MEMBER_FORGOTTEN, MEMBER_EXISTS, TEXT_INVALID, IDENTIFIER_INVALID.
        """
        if wish.kind != "personal" or self._vault is None:
            return wish
        name = checked_text(wish.name, "name")
        known: Any = self.ledger.state(member.stream(checked_member_id(wish.member_id)))
        if known.kind is None:
            self._vault.keep(self._vault.key_of(wish.member_id), NAME, NAME, {"name": name})
        elif known.name == name:  # From before there was a vault: a repeated request is that one.
            return wish
        else:
            kept = self._vault.read(wish.member_id, NAME, NAME)
            if kept is not None and kept["name"] != name:  # The masks may be the same.
                raise Refused(Code.MEMBER_EXISTS, "member_id", f"{wish.member_id}: another name")
        return replace(wish, name=masked_name(name))

    def bind(self, wish: CardWanted) -> BindCard:
        """Raises Refused: VAULT_LOCKED, MEMBER_NOT_FOUND, MEMBER_FORGOTTEN, PARTICULARS_INVALID."""
        owner, key = self.known(wish.member_id)
        personal = owner.kind == "personal"
        number = checked_card(wish.number) if personal else checked_account(wish.number)
        name, phone = checked_name(wish.name), checked_phone(wish.phone)
        document = checked_document(wish.document)
        # Behind a company's account in another name stands a person.
        person = personal or bool(wish.relation)
        identity = (checked_identity if person else checked_credit_code)(wish.identity)
        fields = {"number": number, "name": name, "identity": identity, "phone": phone}
        particulars = key.token("particulars", number, name, identity, phone)
        self.vault.keep(key, CARD, particulars, fields, found_by=("number", "identity", "phone"))
        return BindCard(
            wish.member_id,
            key.token("card", number),
            particulars,
            key.token("holder", name, identity),
            number[-4:],
            same_name=personal or name == owner.name,
            relation=wish.relation,
            document=document,
        )

    def confirm(self, wish: CodeEntered) -> ConfirmCard:
        """Raises Refused: VAULT_LOCKED, MEMBER_NOT_FOUND, MEMBER_FORGOTTEN, PARTICULARS_INVALID."""
        checked_token(wish.card, "card")
        _, key = self.known(wish.member_id)
        code = key.token("code", checked_code(wish.code))
        self.vault.keep(key, CODE, code, {"code": wish.code})
        return ConfirmCard(wish.member_id, wish.card, code)

    async def certify(self, wish: IdentityShown) -> CertifyMember:
        """Asks who knows identities first: that is a question, and changes nothing anywhere.

        Raises Refused: VAULT_LOCKED, MEMBER_NOT_FOUND, MEMBER_FORGOTTEN, PARTICULARS_INVALID,
        IDENTITY_DIFFERS, and BUSY when nobody could say.
        """
        owner, key = self.known(wish.member_id)
        name, identity = checked_name(wish.name), checked_identity(wish.identity)
        match = await self.bank.identify(name, identity, self._wall())
        if match is None:
            raise Refused(Code.BUSY, "identity", "who knows identities does not answer; ask again")
        if not match:
            raise Refused(Code.IDENTITY_DIFFERS, "identity")
        particulars = key.token("particulars", name, identity)
        fields = {"name": name, "identity": identity}
        self.vault.keep(key, IDENTITY, particulars, fields, found_by=("identity",))
        holder = key.token("holder", name, identity)
        what = (wish.member_id, wish.level, wish.effective_from, wish.sources, holder, particulars)
        if any(
            (one.effective_from, one.level, one.sources, one.particulars, one.customer)
            == (wish.effective_from, wish.level, wish.sources, particulars, "")
            for one in owner.certified
        ):  # Of before anybody looked for others: a repeated request is that one.
            return CertifyMember(*what)
        known_as = (IDENTITY, particulars, "identity", identity)
        return CertifyMember(*what, customer=customer_of(self.vault, key, *known_as))

    def forget(self, wish: ForgetWanted) -> ForgetMember:
        """Raises Refused: VAULT_LOCKED, MEMBER_NOT_FOUND."""
        _ = self.vault  # What cannot be erased is not to be called forgotten.
        streams = member.stream(wish.member_id), card.stream(wish.member_id)
        times = [
            recorded.at_us
            for stream in streams
            for recorded in self.ledger.history(stream)
            if not isinstance(recorded.fact, Forgotten)
        ]
        if not times:
            raise Refused(Code.MEMBER_NOT_FOUND, "member_id")
        known = shanghai_date(max(times))
        return ForgetMember(wish.member_id, known, self._years, wish.reason)

    def close(self) -> None:
        if self._vault is not None:
            self._vault.close()

    # After it was decided.

    def settled(self, command: Command, at_us: int, *, refused: bool, replayed: bool) -> None:
        """What has to happen in the vault once the ledger has answered."""
        match command:
            case ForgetMember(member_id=member_id) if not refused:
                self.vault.forget(member_id, at_us)
            case RegisterMember(member_id=member_id) if refused and self._vault is not None:
                if not self.ledger.version(member.stream(member_id)):
                    self._vault.drop(member_id, NAME, NAME)
            case CertifyMember(member_id=member_id, particulars=item) if refused or replayed:
                known = self.ledger.state(member.stream(member_id))
                if all(one.particulars != item for one in known.certified):
                    self.vault.drop(member_id, IDENTITY, item)
            case BindCard() if refused or replayed:
                self.drop_unneeded(command.member_id, command.particulars)
            case ConfirmCard() if refused or replayed:
                state = self.ledger.state(card.stream(command.member_id))
                if all(one.code != command.code for one in state.bindings):
                    self.vault.drop(command.member_id, CODE, command.code)

    def drop_unneeded(self, member_id: str, particulars: str) -> None:
        """Particulars that no card has or had go: what was bound once is kept as the law wants."""
        state = self.ledger.state(card.stream(member_id))
        if any(one.particulars == particulars for one in state.bindings):
            return
        with self._reads.connect() as connection:
            was_bound = cards.was_bound(connection, member_id, particulars)
        if not was_bound:
            self.vault.drop(member_id, CARD, particulars)

    # What is on its way to a bank.

    def particulars(self, member_id: str, item: str) -> Particulars | None:
        """A binding's, in clear; None when they are gone."""
        owner = self.ledger.state(member.stream(member_id))
        found = None if owner.forgotten else self.vault.read(member_id, CARD, item)
        if found is None:
            return None
        return Particulars(
            owner.kind or "personal",
            found["number"],
            found["name"],
            found["identity"],
            found["phone"],
        )

    def code(self, member_id: str, item: str) -> str | None:
        """A one-time code in clear; None when it is gone."""
        found = self.vault.read(member_id, CODE, item)
        return None if found is None else found["code"]

    def default_account(self, member_id: str) -> Particulars | None:
        """The account of a member's default card, in clear, for whoever pays money out to it, at
        the wire and not before; None: it has none. Raises Refused(VAULT_LOCKED, VAULT_DAMAGED)."""
        state = self.ledger.state(card.stream(member_id))
        bound = state.bound(state.default) if state.default else None
        return None if bound is None else self.particulars(member_id, bound.particulars)

    def authority_account(self, member_id: str, item: str) -> Particulars | None:
        """The account that an authority takes a member's money to, in clear."""
        found = self.vault.read(member_id, ACCOUNT, item)
        if found is None:
            return None
        return Particulars("enterprise", found["number"], found["name"], "", "")

    async def text(self, number: str, phone: str, words: str) -> bool:
        """A message to a telephone; whether it was taken on."""
        return await self.bank.text(number, phone, words, self._wall())

    def known(self, member_id: str) -> tuple[member.State, MemberKey]:
        """A member and its key. Raises VAULT_LOCKED, MEMBER_NOT_FOUND, MEMBER_FORGOTTEN."""
        vault = self.vault
        owner: Any = self.ledger.state(member.stream(member_id))
        member.need(owner)
        return owner, vault.key_of(member_id)
