"""What `zhangfang demo` says of the day's bills: what was found, how it ended, what waits, and the
reserve proof."""

from typing import Any

from msgspec import Struct
from rich.table import Table
from sqlalchemy import Connection

from api.cli.funds import explained_json
from api.cli.output import Say
from api.context import AppContext
from api.operations import story
from api.operations.explained import Explained
from api.operations.explaining import explain, transits
from api.operations.reserve_proof import Proof, checked, proof_of
from api.operations.story import Told
from domain.clearing.certificate import sides_of
from domain.money import decimal_text
from domain.reconciliation import difference as facts
from domain.reconciliation.bills.line import MILLI
from projections.models import differences as model
from projections.models.differences import Difference
from projections.tables.paging import every

ENDS, WAITS = "Differences, and how they ended", "What still waits"
WORDS: dict[type, str] = {
    facts.Suspected: "suspected",
    facts.Confirmed: "confirmed",
    facts.Cleared: "is none",
    facts.Resolved: "resolved",
}


class Ending(Struct, frozen=True):
    """How the story's books stand when it is told."""

    differences: list[Difference]
    transits: list[Explained]
    proof: Proof


def say_found(say: Say, one: Told, known: dict[str, facts.About]) -> None:
    """What a step did about differences; `known` gathers what each is about, by its stream."""
    table = _table("", "done", "type", "number", figures=("here", "there"))
    table.show_header = False
    for recorded in one.facts:
        fact, word = recorded.fact, WORDS.get(type(recorded.fact))
        if isinstance(fact, facts.Suspected | facts.Confirmed):
            known[recorded.stream] = fact.about
        if word is not None:
            about = known[recorded.stream]
            table.add_row("", word, about.kind, about.number, *_sides(about))
    if table.rows:
        say.table(table)


def _table(*texts: str, title: str = "", figures: tuple[str, ...] = ()) -> Table:
    table = Table(title=title or None, title_justify="left", box=None, pad_edge=False)
    for name in texts:
        table.add_column(name)
    for name in figures:
        table.add_column(name, justify="right")
    return table


def _sides(about: facts.About) -> tuple[str, str]:
    per = MILLI if about.kind == "fee" else 1
    return decimal_text(about.ours_fen // per), decimal_text(about.bill_fen // per)


def read_ending(context: AppContext, connection: Connection) -> Ending:
    """The read models must be at the head."""
    waiting = [explain(connection, account) for account in transits(connection)]
    recorder = context.ledger.recorder
    proof = checked(recorder, proof_of(recorder, connection, story.DAY_AFTER))
    return Ending(_differences(connection), waiting, proof)


def _differences(connection: Connection) -> list[Difference]:
    wanted = model.Wanted()
    return every(lambda after: model.differences(connection, wanted, after=after))


def say_ending(say: Say, ending: Ending) -> None:
    ends = _table("type", "number", "state", "resolution", "to", title=ENDS, figures=("CNY",))
    for one in ending.differences:
        amount, to = decimal_text(one.amount_fen), _to(one, ending.differences)
        ends.add_row(one.kind, one.number, one.state, one.resolution, to, amount)
    waits = _table("account", "item", "for what", title=WAITS, figures=("CNY",))
    for account in ending.transits:
        for item in account.items:
            waits.add_row(account.account, item.name, item.why, decimal_text(item.amount_fen))
    there, owed = map(decimal_text, sides_of(ending.proof.totals))
    said = "the same" if ending.proof.agrees else "otherwise"
    title = f"Reserve proof of {ending.proof.date}"
    proof = _table("facts say", title=title, figures=("there", "owed"))
    proof.add_row(said, there, owed)
    for table in (ends, waits, proof):
        say.line()
        say.table(table)


def _to(one: Difference, all_of_them: list[Difference]) -> str:
    """Whom or what a resolution names: of another difference its kind."""
    kinds = {other.difference_id: other.kind for other in all_of_them}
    return kinds.get(one.to_whom, one.to_whom)


def ending_json(ending: Ending) -> dict[str, Any]:
    return {
        "differences": [
            {
                "id": one.difference_id,
                "type": one.kind,
                "channel": one.channel,
                "number": one.number,
                "date": one.on_date.isoformat(),
                "state": one.state,
                "ours_fen": one.ours_fen,
                "bill_fen": one.bill_fen,
                "amount_fen": one.amount_fen,
                "account": one.account or None,
                "resolution": one.resolution or None,
                "to": one.to_whom or None,
                "reason": one.reason or None,
                "proposed_by": one.proposed_by or None,
                "approved_by": one.approved_by or None,
            }
            for one in ending.differences
        ],
        "transits": [explained_json(one) for one in ending.transits],
        "reserve_proof": ending.proof.as_json(),
    }
