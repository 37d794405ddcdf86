"""Looking members up in the lists that are in force: beside the books, where the vault is.

A list comes as a file in clear; what is kept of it are tokens under the vault's lookup key, in a
blob. A member's names and numbers are made tokens the same way, for the moment of a look, and what
is found is a command. A member is looked at when it registers, binds a card or is certified; when a
list is loaded (all members again, in pages: what was done stays done); and before its money leaves.
"""

import hashlib
import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec
from sqlalchemy import Engine

from api.operations.list_files import Line
from domain.eventstore import blobs
from domain.kernel import Command, Request
from domain.ledger.ledger import Ledger
from domain.member import member
from domain.member.binding import BindCard
from domain.member.commands import CertifyMember, RegisterMember
from domain.order import order
from domain.order.commands import PayOrder
from domain.payment.commands import TransferMoney
from domain.payment.plan import WALLET_CODE
from domain.refusals import Code, Refused
from domain.screening import lists, match
from domain.screening.commands import LoadList, ReachScan, RecordMatches
from domain.screening.entries import (
    Content,
    Entry,
    Index,
    Kind,
    Known,
    read_content,
)
from domain.screening.names import normalised
from domain.settlement import batch
from domain.settlement.commands import RetryPayout, SettleBatch
from domain.settlement.withdrawing import RequestWithdrawal
from domain.vault.vault import Vault
from projections.models import members

log = logging.getLogger("zhangfang.screening")

SYSTEM = "system:screening"
PAGE = 200  # Members of one step of a scan.
MOST_REMEMBERED = 100_000  # Members that were looked at since the lists changed.
IN_VAULT = ("name", "identity", "card")
MASK = "*"
Told = Callable[[str, int, int | None], None]

# Whose money a command moves out, or would move on: looked at before it is decided.
LEAVES: dict[type[Command], Callable[[Any, Ledger], Iterable[str]]] = {
    TransferMoney: lambda command, _: (command.payer, command.payee),
    RequestWithdrawal: lambda command, _: (command.member_id,),
    PayOrder: lambda command, ledger: _payers(command, ledger),
    SettleBatch: lambda command, ledger: _merchants(command, ledger),
    RetryPayout: lambda command, ledger: _merchants(command, ledger),
}
# Whose names or numbers are told by a command: looked at once it was decided.
TELLS = (RegisterMember, BindCard, CertifyMember)


def leaves(command: Command) -> bool:
    """Whether a command would move money of ours out; quick. What a channel takes is not here
    yet."""
    if isinstance(command, PayOrder):
        return WALLET_CODE in {command.method, *(leg.method for leg in command.legs)}
    return type(command) in LEAVES


def _payers(command: PayOrder, ledger: Ledger) -> Iterable[str]:
    placed = ledger.state(order.stream(command.order_no)).placed
    return (placed.buyer,) if placed is not None else ()


def _merchants(command: SettleBatch | RetryPayout, ledger: Ledger) -> Iterable[str]:
    merchant = ledger.state(batch.stream(command.batch_id)).merchant
    return (merchant,) if merchant else ()


class Screening:
    """`vault` None: no list can be loaded here, and while lists are in force no money leaves."""

    def __init__(self, ledger: Ledger, reads: Engine, vault: Vault | None) -> None:
        self._ledger = ledger
        self._reads = reads
        self._vault = vault
        self._index: tuple[tuple[str, ...], Index] = ((), Index(()))
        self._seen: tuple[int, set[str]] = (0, set())  # Of which load, and who.
        self._unseen: dict[str, str] = {}  # Who could not be looked up, and why.

    @property
    def can_look(self) -> bool:
        return self._vault is not None

    @property
    def unseen(self) -> dict[str, str]:
        """Whom this process could not look up, and why. Their own money stays: `before` refuses."""
        return dict(self._unseen)

    def try_unseen(self, at_us: int) -> None:
        """Look up again who could not be."""
        for member_id in list(self._unseen)[:PAGE]:
            self.tried(member_id, at_us)

    def tried(self, member_id: str, at_us: int) -> Refused | None:
        """As `look_again` of one member; why it could not be looked up, if so."""
        try:
            self.look_again((member_id,), at_us)
        except Refused as no:
            return no
        return None

    def before(self, command: Command, at_us: int) -> None:
        """Look at whose money a command would move, unless that was done since the lists changed:
        what is found stops the money, and so the command. Raises Refused(VAULT_LOCKED) where lists
        are in force and nobody can look."""
        if leaves(command):
            self.look_again(LEAVES[type(command)](command, self._ledger), at_us)

    def look_again(self, member_ids: Iterable[str], at_us: int) -> None:
        """Look at those who were not looked at since the lists changed. Raises as `before` does."""
        state = self._ledger.state(lists.STREAM)
        for member_id in member_ids if state.lists else ():
            if not self._was_seen(state, member_id):
                self._need()
                self.look(member_id, at_us)

    def after(self, command: Command, at_us: int) -> None:
        """Look at who has told a name or number by a command that was taken. If that fails, the
        command is taken all the same, and the member is looked at before its money leaves."""
        if isinstance(command, TELLS) and self._vault is not None:
            self._forget(command.member_id)
            try:
                self.look(command.member_id, at_us)
            except Refused as no:
                log.warning("%s could not be looked up: %s", command.member_id, no)

    def look(self, member_id: str, at_us: int) -> bool:
        """Look a member up, and record what is new; whether something was. No list: nothing."""
        state = self._ledger.state(lists.STREAM)
        if not state.lists:
            return False
        try:
            found = self._matches(state, member_id)
            if found is not None:
                self._ledger.submit(_request(found, at_us)).unwrap()
        except Refused as no:
            self._unseen[member_id] = str(no)
            raise
        self._remember(state, member_id)
        return found is not None

    def scan(self, at_us: int, told: Told = lambda what, done, of: None) -> int:
        """Look at every member that was not, since the last load: how many were. Stopped anywhere,
        it goes on where it stopped. The read models are up to date."""
        looked = 0
        with self._reads.connect() as view:
            total = members.count(view)
        while (page := self.scan_some(at_us)) is not None:
            looked += page
            told("members", self._ledger.state(lists.STREAM).looked, total)
        return looked

    def scan_some(self, at_us: int) -> int | None:
        """The next page of members: how many were looked at; None when every one was. Who cannot be
        looked up is passed over, and `unseen`: the others are not to wait. Raises LIST_INVALID."""
        state = self._ledger.state(lists.STREAM)
        if state.done or self._vault is None:
            return None
        with self._reads.connect() as view:
            page = members.ids_after(view, state.after, PAGE)
        self._lists(state)  # Without them nobody could be looked up: then the scan waits.
        found = [self._found(state, one) for one in page]
        requests = [_request(one, at_us) for one in found if one is not None]
        last = page[-1] if page else state.after
        done = len(page) < PAGE
        reached = ReachScan(state.loads, last, len(page), done)
        number = f"lists.reach:{state.loads}:{last}:{len(page)}:{done}"
        requests.append(Request(number, at_us, SYSTEM, reached))
        *matched, said = self._ledger.submit_all(requests)
        for one, answer in zip((one for one in found if one is not None), matched, strict=True):
            try:
                answer.unwrap()
            except Refused as no:
                self._pass_over(one.member_id, no)
        said.unwrap()
        return len(page)

    def tokenised(self, list_name: str, version: int, lines: Sequence[Line]) -> bytes:
        """The blob of a list: tokens alone. Raises Refused(VAULT_LOCKED)."""
        vault = self._need()
        entries = []
        for line in lines:
            name = _token(vault, "name", normalised(line.name))
            identity = _token(vault, "identity", normalised(line.identity))
            said = "\n".join((line.kind, line.action, name, identity))
            digest = hashlib.sha256(said.encode()).hexdigest()[:32]
            entries.append(Entry(line.entry_no, line.kind, line.action, name, identity, digest))
        return msgspec.json.encode(Content(list_name, version, tuple(entries)))

    def load(self, content: bytes, writes: Engine, at_us: int, actor: str) -> dict[str, object]:
        """Put a list in force. Raises Refused: LIST_INVALID, LIST_VERSION_TAKEN."""
        told = read_content(content)
        persons = sum(one.kind == "person" for one in told.entries)
        name, blob = told.list_name, blobs.name_of(content)
        blobs.put(writes, [content])
        command = LoadList(name, told.version, blob, persons, len(told.entries) - persons)
        number = f"lists.load:{name}:{told.version}:{blob[:16]}"
        answer = self._ledger.submit(Request(number, at_us, actor, command))
        result: dict[str, object] = answer.unwrap()
        return {**result, "blob": blob, "replayed": answer.replayed}

    # Inside.

    def _found(self, state: lists.State, member_id: str) -> RecordMatches | None:
        """The same as `_matches`, for a scan: it goes on."""
        try:
            return self._matches(state, member_id)
        except Refused as no:
            self._pass_over(member_id, no)
            return None

    def _pass_over(self, member_id: str, no: Refused) -> None:
        self._unseen[member_id] = str(no)
        log.warning("%s could not be looked up: %s", member_id, no)

    def _matches(self, state: lists.State, member_id: str) -> RecordMatches | None:
        """What is new of a member, as the command that records it."""
        known = self._known(member_id)
        if known is None:
            return None
        hits = tuple(self._lists(state).hits(known))
        if not match.match(self._ledger.state(match.stream(member_id)), hits):
            return None
        return RecordMatches(member_id, hits)

    def _known(self, member_id: str) -> Known | None:
        """A member's names and numbers, as tokens."""
        vault, owner = self._need(), self._ledger.state(member.stream(member_id))
        if owner.kind is None or owner.forgotten:
            return None
        names, identities = set[str](), set[str]()
        for item in vault.all_of(member_id, IN_VAULT):
            names.add(item.get("name", ""))
            identities.add(item.get("identity", ""))
        if owner.kind == "enterprise" or (not names and MASK not in owner.name):
            names.add(owner.name)
        kind: Kind = "person" if owner.kind == "personal" else "enterprise"
        return Known(kind, _tokens(vault, "name", names), _tokens(vault, "identity", identities))

    def _lists(self, state: lists.State) -> Index:
        """The lists in force, read once. Raises Refused(LIST_INVALID) for a blob that is gone."""
        wanted = tuple(sorted(one.blob for one in state.lists))
        if self._index[0] != wanted:
            with self._reads.connect() as view:
                contents = [blobs.read(view, name) for name in wanted]
            if any(one is None for one in contents):
                raise Refused(Code.LIST_INVALID, "list", "its content is not in the blob store")
            read = [read_content(one) for one in contents if one is not None]
            self._index = (wanted, Index(read))
        return self._index[1]

    def _need(self) -> Vault:
        if self._vault is None:
            detail = "lists are compared under a key of the vault, and none is configured here"
            raise Refused(Code.VAULT_LOCKED, "ZHANGFANG_VAULT_KEY", detail)
        return self._vault

    def _was_seen(self, state: lists.State, member_id: str) -> bool:
        return self._seen[0] == state.loads and member_id in self._seen[1]

    def _forget(self, member_id: str) -> None:
        self._seen[1].discard(member_id)

    def _remember(self, state: lists.State, member_id: str) -> None:
        if self._seen[0] != state.loads or len(self._seen[1]) >= MOST_REMEMBERED:
            self._seen = (state.loads, set())
        self._seen[1].add(member_id)
        self._unseen.pop(member_id, None)


def _tokens(vault: Vault, what: str, texts: Iterable[str]) -> frozenset[str]:
    found = (_token(vault, what, normalised(text)) for text in texts)
    return frozenset(token for token in found if token)


def _token(vault: Vault, what: str, text: str) -> str:
    """ "" stays "": nothing is known."""
    return vault.digest(f"list-{what}", text) if text else ""


def _request(command: RecordMatches, at_us: int) -> Request:
    said = hashlib.sha256(msgspec.json.encode(command)).hexdigest()[:24]
    return Request(f"lists.match:{command.member_id}:{said}", at_us, SYSTEM, command)
