"""A fact is constructed in its aggregate's own module only, or in an upcast: read from the syntax.

Everybody else asks a decision, which says what happened.
"""

import ast
from collections.abc import Iterator

import pytest

from domain.events import EVENTS
from domain.upcasts import UPCASTS
from tests.source import Module, example, modules

FACTS = frozenset(
    f"{fact.__module__}.{fact.__name__}"
    for fact in (*EVENTS.values(), *(stored for stored, _ in UPCASTS.values()))
)
# What calls a class that it is given.
MAKERS = frozenset({"map", "functools.partial", "itertools.starmap", "msgspec.convert"})


def named_by(module: Module) -> dict[str, str]:
    """What each name of a module's imports stands for: `batch` -> `domain.settlement.batch`."""
    names: dict[str, str] = {}
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ImportFrom) and not node.level and node.module:
            for alias in node.names:
                names[alias.asname or alias.name] = f"{node.module}.{alias.name}"
        elif isinstance(node, ast.Import):
            for alias in node.names:
                names[alias.asname or alias.name.partition(".")[0]] = (
                    alias.name if alias.asname else alias.name.partition(".")[0]
                )
    return names


def dotted(node: ast.AST, names: dict[str, str]) -> str:
    """The dotted name an expression stands for, by a module's imports; "" if it is none."""
    if isinstance(node, ast.Name):
        return names.get(node.id, "")
    if isinstance(node, ast.Attribute):
        base = dotted(node.value, names)
        return f"{base}.{node.attr}" if base else ""
    return ""


def facts_are_made_at_home(module: Module) -> Iterator[str]:
    """A fact is constructed in its aggregate's own module only, or in an upcast."""
    if module.name == "domain.upcasts":
        return
    names = named_by(module)
    for node in ast.walk(module.tree):
        if not isinstance(node, ast.Call):
            continue
        # What is called, and what is handed on to be called: map(Fact, …), partial(Fact, …).
        handed_on = node.args if dotted_call(node, names) in MAKERS else []
        for made in (node.func, *handed_on):
            fact = dotted(made, names)
            if fact in FACTS and fact.rpartition(".")[0] != module.name:
                yield (
                    f"{module.path}:{node.lineno}: {fact} is made here: ask a decision of its "
                    "aggregate, which says what happened"
                )


def dotted_call(node: ast.Call, names: dict[str, str]) -> str:
    return dotted(node.func, names) or getattr(node.func, "id", "")


def test_every_fact_is_made_at_home() -> None:
    broken = [message for module in modules() for message in facts_are_made_at_home(module)]
    assert not broken, "\n".join(broken)


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("settlement.commands", "from domain.settlement import batch\nbatch.Reviewed('x')"),
        ("settlement.commands", "from domain.settlement import batch as b\nf = [b.Sealed(1)]"),
        ("clearing.split", "from domain.transaction.transaction import Cleared as Done\nDone(1)"),
        ("order.commands", "import domain.order.order\nf = domain.order.order.Placed('a')"),
        ("order.commands", "import domain.order.order as o\nf = lambda: o.Placed('a')"),
        ("ledger.unit", "from domain.order import order\nfacts = list(map(order.Paid, numbers))"),
        (
            "ledger.unit",
            "from functools import partial as p\nfrom domain.order import order\np(order.Paid)",
        ),
        (
            "policies",
            "import msgspec\nfrom domain.order.order import Paid\nmsgspec.convert({}, Paid)",
        ),
    ],
)
def test_a_fact_that_is_made_elsewhere_is_seen(name: str, source: str) -> None:
    assert list(facts_are_made_at_home(example(f"domain.{name}", source)))


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("settlement.batch", "class Reviewed: ...\nfacts = [Reviewed('x')]"),
        ("settlement.commands", "from domain.settlement import batch\nbatch.review(state, 'x')"),
        ("settlement.commands", "from domain.settlement import batch\nisinstance(x, batch.Sealed)"),
        ("upcasts", "from domain.settlement import batch\nnew = batch.Reviewed('x')"),
        ("policies", "from domain.member import member\ntable = {member.Registered: 1}"),
    ],
)
def test_what_names_a_fact_or_asks_for_one_passes(name: str, source: str) -> None:
    assert list(facts_are_made_at_home(example(f"domain.{name}", source))) == []


def test_the_facts_of_every_aggregate_are_looked_for() -> None:
    assert len(FACTS) == len(EVENTS) + len(UPCASTS)
    assert "domain.settlement.batch.Sealed" in FACTS
