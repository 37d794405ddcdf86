"""The house rules of imports, read from the syntax tree of every module.

Imports go strictly down the ladder of the design; the outside world and chance enter the domain
only where the design says so. Each rule is proved able to fail by a small bad example below.
"""

import ast
import sys
from collections.abc import Iterator

import pytest

from tests.source import PACKAGES, ROOT, Module, Rule, example, imports, modules, within

# Lowest first. A module may import its own rung member and everything on lower rungs. Members of
# an open rung may import each other too; neighbours on the other rungs may not. The event store
# keeps bytes: it stands on the ground, and knows no business.
LADDER: tuple[tuple[str, ...], ...] = (
    (
        "domain.kernel",
        "domain.fields",
        "domain.texts",
        "domain.money",
        "domain.codes",
        "domain.refusals",
        "domain.eventstore",
        "domain.vault",
    ),
    ("domain.member", "domain.accounting", "domain.channel"),
    ("domain.screening",),
    ("domain.payment",),
    ("domain.transaction",),
    ("domain.order", "domain.clearing"),
    ("domain.settlement",),
    ("domain.authority", "domain.cashier"),
    ("domain.reconciliation", "domain.approval"),
    ("domain.events", "domain.commands", "domain.hints", "domain.policies", "domain.upcasts"),
    ("domain.ledger",),
    ("projections",),
    ("migrations",),
    ("api",),
    ("benchmarks",),
    # The outside. It stands beside the house: `simulator_stands_alone` says the rest.
    ("simulator",),
)
OPEN_RUNGS = {0, 9}
RUNG = {member: rung for rung, members in enumerate(LADDER) for member in members}

# Migrations create tables: they know the two packages that own tables and nothing of the business.
MIGRATIONS_MAY = ("migrations", "projections", "domain.eventstore")
# Two commands hand over to the benchmarks, which use everything: loaded when they are asked for.
LOOKS_UP = {("api.cli.benching", "benchmarks"), ("api.cli.drilling", "benchmarks")}
# The benchmarks measure the plain library beside the ledger.
LIBRARY_MAY = ("domain.eventstore", "benchmarks")
OUTSIDE_MAY = ("domain.eventstore", "domain.vault", "domain.ledger", "domain.channel.adapters")
NETWORK_LIBRARIES = frozenset({"httpcore2", "httpx2", "cryptography"})
NETWORK_MAY = ("domain.channel.adapters",)
VAULT_LIBRARIES = frozenset({"cryptography", "sqlalchemy"})
PACKAGED_DATA_MAY = ("domain.settlement", "domain.reconciliation")

STDLIB_OUTSIDE = frozenset(
    {
        "asyncio",
        "bz2",
        "fcntl",
        "fileinput",
        "ftplib",
        "glob",
        "gzip",
        "http",
        "imaplib",
        "importlib",
        "io",
        "lzma",
        "mmap",
        "os",
        "pathlib",
        "pkgutil",
        "poplib",
        "select",
        "selectors",
        "shelve",
        "shutil",
        "signal",
        "smtplib",
        "socket",
        "socketserver",
        "sqlite3",
        "ssl",
        "subprocess",
        "tarfile",
        "tempfile",
        "urllib",
        "webbrowser",
        "xmlrpc",
        "zipfile",
    }
)
CLOCKS_AND_CHANCE = frozenset({"random", "secrets", "time", "uuid"})
CLOCK_READS = frozenset({"now", "utcnow", "today"})
OUTSIDE_CALLS = frozenset({"open", "print", "input", "breakpoint"})
EVASIONS = frozenset({"__import__", "eval", "exec"})


def rung_member(name: str) -> str | None:
    """The member of the ladder a dotted name belongs to."""
    return next((member for member in RUNG if within(name, member)), None)


def ladder(module: Module) -> Iterator[str]:
    """Imports go strictly down."""
    own = rung_member(module.name)
    if own is None and module.name != "domain":
        yield f"{module.path}:1: {module.name} has no rung: give it one in LADDER"
        return
    for line, name in imports(module):
        if name.split(".")[0] not in PACKAGES:
            if name.split(".")[0] == "tests":
                yield f"{module.path}:{line}: nothing of the system imports its tests"
            continue
        target = rung_member(name)
        if target is None:
            yield f"{module.path}:{line}: {name}: name the module you mean, one that has a rung"
        elif own is None:
            yield f"{module.path}:{line}: domain/__init__.py is below every rung"
        elif target != own and not lower(target, own) and (module.name, target) not in LOOKS_UP:
            yield (
                f"{module.path}:{line}: {own} may not import {target}, it stands "
                f"{'beside' if RUNG[target] == RUNG[own] else 'above'} it: move what both need "
                "down the ladder, or the decision that needs both up to domain/policies.py"
            )


def lower(target: str, own: str) -> bool:
    if RUNG[target] == RUNG[own]:
        return RUNG[own] in OPEN_RUNGS
    return RUNG[target] < RUNG[own]


def migrations_know_tables_only(module: Module) -> Iterator[str]:
    """Migrations import projections and domain.eventstore."""
    if module.within("migrations"):
        for line, name in imports(module):
            ours = name.split(".")[0] in PACKAGES
            if ours and not any(within(name, package) for package in MIGRATIONS_MAY):
                yield f"{module.path}:{line}: migrations import only {MIGRATIONS_MAY}, not {name}"


def library_stays_in_the_eventstore(module: Module) -> Iterator[str]:
    """Only domain/eventstore imports `eventsourcing`."""
    if not module.within(*LIBRARY_MAY):
        for line, name in imports(module):
            if within(name, "eventsourcing"):
                yield (
                    f"{module.path}:{line}: only domain/eventstore imports eventsourcing: "
                    "use what domain.eventstore offers, or add it there"
                )


def domain_needs_nothing(module: Module) -> Iterator[str]:
    """The domain imports the standard library, msgspec and itself; adapters reach channels."""
    if module.within("domain") and not module.within("domain.eventstore"):
        allowed = sys.stdlib_module_names | {"msgspec", *PACKAGES}  # Ours: the ladder's matter.
        if module.within(*NETWORK_MAY):
            allowed |= NETWORK_LIBRARIES
        if module.within("domain.vault"):
            allowed |= VAULT_LIBRARIES
        for line, name in imports(module):
            if name.split(".")[0] not in allowed:
                yield (
                    f"{module.path}:{line}: the domain imports the standard library and msgspec, "
                    f"not {name}: this belongs into domain/eventstore, projections or api"
                )


def outside_world(module: Module) -> Iterator[str]:
    """Network and files only in channel/adapters and eventstore; settlement reads its calendar."""
    if not module.within("domain") or module.within(*OUTSIDE_MAY):
        return
    for line, name in imports(module):
        if within(name, "importlib.resources") and module.within(*PACKAGED_DATA_MAY):
            continue
        if name.split(".")[0] in STDLIB_OUTSIDE:
            yield (
                f"{module.path}:{line}: {name}: a decision does no I/O: record the intention, and "
                "let a worker carry it out through a port in domain/channel/adapters"
            )
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            if node.func.id in OUTSIDE_CALLS:
                yield f"{module.path}:{node.lineno}: {node.func.id}(): a decision does no I/O"
            elif node.func.id in EVASIONS:
                yield f"{module.path}:{node.lineno}: {node.func.id}() hides imports from this test"


def clocks_and_chance(module: Module) -> Iterator[str]:
    """No clock and no random id in the domain: time and numbers come with the command."""
    if not module.within("domain") or module.within(*OUTSIDE_MAY):
        return
    advice = "time and ids come with the command (unit.at_us, business keys), never from inside"
    aliases = {"datetime", "date"}
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ImportFrom) and node.module == "datetime":
            aliases |= {alias.asname or alias.name for alias in node.names}
    for line, name in imports(module):
        if name.split(".")[0] in CLOCKS_AND_CHANCE:
            yield f"{module.path}:{line}: {name}: {advice}"
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Attribute) and node.attr in CLOCK_READS:
            base = node.value
            owner = base.attr if isinstance(base, ast.Attribute) else getattr(base, "id", "")
            if owner in aliases:
                yield f"{module.path}:{node.lineno}: {owner}.{node.attr}: {advice}"
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") == "hash":
            yield f"{module.path}:{node.lineno}: hash() differs in each process: use hashlib"


def simulator_stands_alone(module: Module) -> Iterator[str]:
    """The simulator imports nothing of ours, and nothing of ours imports it."""
    inside = module.within("simulator")
    for line, name in imports(module):
        of_ours = name.split(".")[0] in {*PACKAGES, "tests"}
        if of_ours and within(name, "simulator") != inside:
            yield (
                f"{module.path}:{line}: the simulator is the outside, another author's view: "
                f"{module.name} may not import {name}; speak to it over HTTP"
            )


# What a shop needs to be a program at all; the rest it asks for over HTTP, as a merchant does.
SHOP_MAY = ("simulator.shop", "simulator.server")


def shop_is_a_merchant(module: Module) -> Iterator[str]:
    """The shop in the box knows nothing of the outside's book either, and nobody knows the shop."""
    inside = module.within("simulator.shop")
    for line, name in imports(module):
        theirs = within(name, "simulator") and not any(within(name, one) for one in SHOP_MAY)
        if inside and theirs:
            yield f"{module.path}:{line}: the shop may not import {name}: it asks over HTTP"
        elif within(name, "simulator.shop") and not inside:
            yield f"{module.path}:{line}: {name} is a program of its own: start it"


RULES: tuple[Rule, ...] = (
    simulator_stands_alone,
    shop_is_a_merchant,
    ladder,
    migrations_know_tables_only,
    library_stays_in_the_eventstore,
    domain_needs_nothing,
    outside_world,
    clocks_and_chance,
)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: getattr(rule, "__name__", ""))
def test_every_module_keeps_the_rule(rule: Rule) -> None:
    broken = [message for module in modules() for message in rule(module)]
    assert not broken, "\n".join(broken)


def test_every_module_is_looked_at() -> None:
    names = {module.name for module in modules()}
    assert {*PACKAGES, "domain.kernel", "domain.eventstore.recorder"} <= names
    standing = {path.relative_to(ROOT).parts[0] for path in ROOT.glob("*/**/*.py")}
    unknown = {name for name in standing if not name.startswith(".")} - {*PACKAGES, "tests"}
    assert not unknown, f"{unknown}: the top level is fixed by the design; put it into a package"


BAD: list[tuple[Rule, str, str]] = [
    (simulator_stands_alone, "simulator.book", "from domain.money import fee_fen"),
    (simulator_stands_alone, "simulator.book", "import api.settings"),
    (simulator_stands_alone, "simulator.book", "from tests.examples import ORDER"),
    (simulator_stands_alone, "api.cli.app", "from simulator.__main__ import main"),
    (simulator_stands_alone, "benchmarks.load", "import simulator"),
    (simulator_stands_alone, "domain.channel.adapters.jd", "from simulator import signing"),
    (simulator_stands_alone, "simulator.shop.pages", "from domain.money import decimal_text"),
    (simulator_stands_alone, "simulator.shop.pages", "from api.http.links import Links"),
    (simulator_stands_alone, "api.cli.shopping", "from simulator.shop.__main__ import main"),
    (shop_is_a_merchant, "simulator.shop.pages", "from simulator.book import Book"),
    (shop_is_a_merchant, "simulator.shop.pages", "from simulator import world"),
    (shop_is_a_merchant, "simulator.app", "from simulator.shop.pages import Shop"),
    (ladder, "domain.eventstore.recorder", "from domain.events import EVENTS"),
    (ladder, "domain.eventstore.sqlite", "from domain.ledger import codec"),
    (ladder, "domain.eventstore.sqlite", "from domain.accounting.chart import CHART"),
    (ladder, "domain.policies", "from domain.ledger.unit import UnitOfWork"),
    (ladder, "domain.fields", "from domain.channel.channels import CHANNELS"),
    (ladder, "domain.payment.payment", "from domain.order.order import Order"),
    (ladder, "domain.payment.payment", "from domain.order import order"),
    (ladder, "domain.payment.payment", "import domain.order.order as o"),
    (ladder, "domain.payment.payment", "def f():\n    from domain import events"),
    (ladder, "domain.payment.payment", "from ..order import order"),
    (ladder, "domain.payment.payment", "from ..order.order import Order"),
    (ladder, "domain.payment.payment", "from ... import api"),
    (ladder, "domain.payment.payment", "import domain"),
    (ladder, "domain.member.member", "from domain.accounting.chart import CHART"),
    (ladder, "domain.order.order", "import domain.clearing.rules"),
    (ladder, "domain.settlement.batch", "from domain.cashier.session import Session"),
    (ladder, "domain.kernel", "from domain.member.member import Member"),
    (ladder, "domain.eventstore.recorder", "from projections.engine import run"),
    (ladder, "projections.engine", "from api.settings import Settings"),
    (ladder, "projections.engine", "from migrations.run import migrate"),
    (ladder, "api.app", "from benchmarks import load"),
    (ladder, "api.app", "from tests.examples import ORDER"),
    (ladder, "domain.surprise", ""),
    (ladder, "domain", "from domain.kernel import Fact"),
    (migrations_know_tables_only, "migrations.run", "from domain.accounting.chart import CHART"),
    (migrations_know_tables_only, "migrations.run", "import api.settings"),
    (library_stays_in_the_eventstore, "projections.engine", "import eventsourcing.persistence"),
    (library_stays_in_the_eventstore, "api.app", "from eventsourcing import domain"),
    (domain_needs_nothing, "domain.member.member", "import sqlalchemy as sa"),
    (domain_needs_nothing, "domain.channel.adapters.jd", "import requests"),
    (ladder, "domain.vault.vault", "from domain.member.member import Member"),
    (domain_needs_nothing, "domain.vault.vault", "import httpx2"),
    (domain_needs_nothing, "domain.channel.numbers", "from cryptography import x509"),
    (domain_needs_nothing, "domain.payment.payment", "import httpx2"),
    (domain_needs_nothing, "domain.policies", "from fastapi import Request"),
    (outside_world, "domain.member.member", "import socket"),
    (outside_world, "domain.member.member", "from urllib.request import urlopen"),
    (outside_world, "domain.member.member", "from importlib.resources import files"),
    (outside_world, "domain.settlement.calendar", "from importlib import import_module"),
    (outside_world, "domain.settlement.calendar", "open('days.csv')"),
    (outside_world, "domain.channel.channels", "from pathlib import Path"),
    (outside_world, "domain.policies", "__import__('domain.payment')"),
    (clocks_and_chance, "domain.member.member", "import time"),
    (clocks_and_chance, "domain.commands", "from uuid import uuid4"),
    (clocks_and_chance, "domain.clearing.day", "from datetime import date\ndate.today()"),
    (clocks_and_chance, "domain.clearing.day", "import datetime as d\nf = d.datetime.now"),
    (clocks_and_chance, "domain.clearing.day", "from datetime import datetime as D\nD.now(None)"),
    (clocks_and_chance, "domain.clearing.day", "key = hash('order')"),
]
GOOD = [
    ("simulator.networks", "from simulator.orders import Order\nimport sqlite3, time, httpx2"),
    ("simulator.shop.pages", "from simulator.server import Server\nimport httpx2"),
    ("domain.ledger.unit", "from domain.policies import POLICIES\nfrom domain.eventstore import x"),
    ("domain.payment.payment", "from domain.channel.port import Result\nfrom . import instruction"),
    ("domain.events", "from domain.policies import POLICIES\nfrom domain.reconciliation import x"),
    ("domain.money", "from domain.refusals import Refused"),
    ("domain.eventstore.recorder", "import time, os, psycopg\nimport eventsourcing.persistence"),
    ("domain.channel.adapters.bank", "import socket, time\nopen('bill.csv')"),
    ("domain.channel.adapters.jd", "import httpx2\nfrom cryptography import x509"),
    ("domain.settlement.calendar", "from importlib.resources import files\nimport csv"),
    ("domain.reconciliation.bills.formats", "from importlib.resources import files"),
    ("domain.clearing.day", "from datetime import time, date\nday = date(2011, 1, 1)"),
    ("migrations.run", "import alembic\nfrom projections.balances import table"),
    ("api.cli", "from migrations.run import migrate\nimport time, pathlib\nprint(1)"),
    ("benchmarks.library", "import eventsourcing.persistence\nfrom api.settings import Settings"),
]


@pytest.mark.parametrize(("rule", "name", "source"), BAD)
def test_the_rule_sees_what_breaks_it(rule: Rule, name: str, source: str) -> None:
    assert list(rule(example(name, source))), f"{source!r} in {name} passed"


@pytest.mark.parametrize(("name", "source"), GOOD)
def test_what_is_allowed_passes_every_rule(name: str, source: str) -> None:
    assert [message for rule in RULES for message in rule(example(name, source))] == []
