"""The house rules of size and of money, read from the source. Each can fail, as shown below.

The tables of exceptions are a ratchet: a figure may fall, and must then be lowered here; it never
rises, and nothing is added without a reason that a reviewer accepts.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("domain", "projections", "api", "migrations", "benchmarks", "simulator")
MODULE_LINES, FUNCTION_LINES, LINE_LENGTH = 400, 50, 100

# What is larger than the rule, with its exact size: "path" for a module, "path::function" for a
# function, "path:width" for the longest line of a file.
LARGER: dict[str, int] = {}

# Where a float is allowed in domain/ and projections/, "path::function" (or class): never an
# amount, a rate of a fee, or anything computed from one.
NOT_MONEY: dict[str, str] = {
    "domain/channel/adapters/deadline.py::within": "seconds until a timeout",
    "domain/channel/adapters/wire.py::_seconds": "seconds until a timeout",
    "domain/eventstore/database.py::_use_wal": "seconds between two attempts",
    "domain/eventstore/postgres.py::LedgerDatastore.__init__": "seconds until a timeout",
    "domain/eventstore/postgres.py::PostgresLedgerRecorder.__init__": "seconds until a timeout",
    "domain/eventstore/sqlite.py::SQLiteLedgerRecorder.open": "seconds until a timeout",
    "domain/eventstore/sqlite.py::SQLiteLedgerRecorder.writing": "seconds until a timeout",
    "projections/engine/wakeup.py::seconds": "seconds until a timeout",
}

FORBIDDEN_FILES = frozenset(
    {
        "utils.py",
        "util.py",
        "helpers.py",
        "helper.py",
        "service.py",
        "services.py",
        "common.py",
        "misc.py",
    }
)
FLOAT_NAMES = frozenset(
    {"float", "Decimal", "Float", "Double", "Numeric", "REAL", "DOUBLE", "DOUBLE_PRECISION"}
)
STORED_NAME = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+\.[1-9][0-9]*")
DERIVED = frozenset({"__module__", "__qualname__"})
PRAGMA = re.compile(r"\s*# (type: ignore|noqa)\b.*$")
MODULE_PATH = re.compile(rf"({'|'.join(PACKAGES)})(\.\w+)+([:#]\w+)*")


def sources(*packages: str) -> Iterator[tuple[str, str]]:
    for package in packages:
        for file in sorted((ROOT / package).rglob("*.py")):
            yield file.relative_to(ROOT).as_posix(), file.read_text(encoding="utf-8")


def named(tree: ast.AST, prefix: str = "") -> Iterator[tuple[str, ast.AST, bool]]:
    """Every node with the qualified name of the class or function it stands in."""
    for node in ast.iter_child_nodes(tree):
        inner = prefix
        function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        if function or isinstance(node, ast.ClassDef):
            inner = f"{prefix}.{node.name}" if prefix else node.name  # type: ignore[attr-defined]
        yield inner, node, function
        yield from named(node, inner)


def sizes(path: str, source: str) -> Iterator[tuple[str, int, int]]:
    """Each thing measured: its key in LARGER, its size, and the limit."""
    lines = source.splitlines()
    yield path, len(lines), MODULE_LINES
    widths = (len(PRAGMA.sub("", line)) for line in lines)  # Ruff does not count a pragma either.
    yield f"{path}:width", max(widths, default=0), LINE_LENGTH
    for name, node, function in named(ast.parse(source, path)):
        if function:
            length = (node.end_lineno or 0) - node.lineno + 1  # type: ignore[attr-defined]
            yield f"{path}::{name}", length, FUNCTION_LINES


def too_large(measured: list[tuple[str, int, int]], allowed: dict[str, int]) -> list[str]:
    largest: dict[str, tuple[int, int]] = {}
    for key, size, limit in measured:  # Overloads and properties share a name: the longest counts.
        largest[key] = max((size, limit), largest.get(key, (0, limit)))
    found = [
        f"{key} is {size}, at most {max(limit, allowed.get(key, 0))}: split it where its "
        "subject changes; do not squeeze it"
        for key, (size, limit) in largest.items()
        if size > max(limit, allowed.get(key, 0))
    ]
    for key, figure in allowed.items():
        size, limit = largest.get(key, (0, 0))
        if size <= limit:
            found.append(f"{key} keeps the rule now (or is gone): take it out of LARGER")
        elif size < figure:
            found.append(f"{key} is only {size} now: lower its figure in LARGER from {figure}")
    return found


def floats(path: str, source: str) -> Iterator[tuple[str, str]]:
    """Everything that makes or names a float (or a Decimal): the place, and a message."""
    advice = (
        "money is int fen and rates are int basis points; divide with domain.money.round_half_up "
        "or //. If this can never touch money, list the function in NOT_MONEY with the reason"
    )
    for name, node, _ in named(ast.parse(source, path)):
        what = ""
        match node:
            case ast.Constant(value=float() | complex()):
                what = "a float literal"
            case ast.BinOp(op=ast.Div()) | ast.AugAssign(op=ast.Div()):
                what = "true division"
            case ast.Name(id=used) | ast.Attribute(attr=used) if used in FLOAT_NAMES:
                what = used
            case ast.Call(func=ast.Name(id="round")):
                what = "round(), which rounds halves to even"
            case ast.ImportFrom(module="decimal") | ast.Import(names=[ast.alias(name="decimal")]):
                what = "decimal"
            case ast.Attribute(attr="truediv"):
                what = "true division"
        if what:
            yield f"{path}::{name}", f"{path}:{getattr(node, 'lineno', 0)}: {what}: {advice}"


def near_money(found: list[tuple[str, str]], allowed: dict[str, str]) -> list[str]:
    used = {place for place, _ in found}
    messages = [message for place, message in found if place not in allowed]
    return messages + [
        f"{key}: no float there: take it out of NOT_MONEY" for key in allowed.keys() - used
    ]


def stored_names(path: str, source: str) -> Iterator[str]:
    """Names kept in the database are spelled by hand: no module or class path may leak into one."""
    nodes = list(ast.walk(ast.parse(source, path)))
    resources: set[int] = set()  # `files("domain.x")` names a package to read data from.
    compared: set[int] = set()  # `kind.__module__ == "sqlite3"` asks, and keeps nothing.
    for node in nodes:
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("files"):
            resources |= {id(argument) for argument in node.args}
        if isinstance(node, ast.Compare):
            compared |= {id(side) for side in (node.left, *node.comparators)}
    for node in nodes:
        if isinstance(node, ast.Attribute) and node.attr in DERIVED and id(node) not in compared:
            yield f"{path}:{node.lineno}: {node.attr} changes when a file moves: spell a name"
        text = node.value if isinstance(node, ast.Constant) else None
        if isinstance(text, str) and MODULE_PATH.fullmatch(text) and id(node) not in resources:
            yield f"{path}:{node.lineno}: {text!r} is a module path: spell a name"  # type: ignore[attr-defined]
        if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.Dict):
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            if path == "domain/events.py" and ast.unparse(target) == "EVENTS":
                yield from misspelt(path, node.value)


def misspelt(path: str, table: ast.Dict) -> Iterator[str]:
    for key, value in zip(table.keys, table.values, strict=True):
        name = key.value if isinstance(key, ast.Constant) else None
        if not isinstance(name, str) or not STORED_NAME.fullmatch(name):
            what = ast.unparse(key or value)
            yield f"{path}:{value.lineno}: {what}: a stored name is like 'order.placed.1'"


def test_modules_functions_and_lines_have_their_size() -> None:
    measured = [s for path, source in sources(*PACKAGES, "tests") for s in sizes(path, source)]
    broken = too_large(measured, LARGER)
    assert len(measured) > 100, "nothing was measured"
    assert not broken, "\n".join(broken)


def test_no_float_comes_near_money() -> None:
    everything = [
        f for file in sources("domain", "projections", "migrations") for f in floats(*file)
    ]
    broken = near_money(everything, NOT_MONEY)
    assert not broken, "\n".join(broken)


def test_no_file_is_a_drawer_for_everything() -> None:
    bad = [path for path, _ in sources(*PACKAGES, "tests") if Path(path).name in FORBIDDEN_FILES]
    assert not bad, f"{bad}: name the file after the one thing it knows about"


def test_stored_names_are_spelled_by_hand() -> None:
    broken = [m for file in sources("domain", "projections") for m in stored_names(*file)]
    assert not broken, "\n".join(broken)


@pytest.mark.parametrize(
    ("source", "key"),
    [
        pytest.param("\n" * 401, "x.py", id="a long module"),
        pytest.param("a = '" + "x" * 100 + "'", "x.py:width", id="a long line"),
        pytest.param("def f():\n" + "    1\n" * 50, "x.py::f", id="a long function"),
        pytest.param(
            "class A:\n  def f(self):\n" + "    1\n" * 50, "x.py::A.f", id="a long method"
        ),
        pytest.param("async def f():\n" + "    1\n" * 50, "x.py::f", id="a long coroutine"),
    ],
)
def test_what_is_too_large_is_seen_and_the_ratchet_holds(source: str, key: str) -> None:
    measured = list(sizes("x.py", source))
    size = next(size for name, size, _ in measured if name == key)
    assert [message.split(" ")[0] for message in too_large(measured, {})] == [key]
    assert too_large(measured, {key: size}) == []
    assert "lower its figure" in too_large(measured, {key: size + 1})[0]
    assert len(too_large(measured, {key: size - 1})) == 1
    assert "take it out" in too_large(list(sizes("x.py", "")), {key: size})[0]


def test_what_just_fits_is_not_too_large() -> None:
    fits = "def f():\n" + "    1\n" * 49 + "#" + "x" * 99 + "\n" * 350
    assert too_large(list(sizes("x.py", fits)), {}) == []


FLOATS = [
    "rate = 0.006",
    "def f(a: float): ...",
    "x = float('1')",
    "x = a / b",
    "a /= b",
    "from decimal import Decimal as D",
    "import decimal",
    "x = decimal.Decimal(1)",
    "x = round(a)",
    "c = sa.Column('amount', sa.Float)",
    "c = sa.Column('amount', sa.Numeric(20, 2))",
    "x = operator.truediv(a, b)",
    "rate = 1e3",
]


@pytest.mark.parametrize("source", FLOATS)
def test_a_float_is_seen(source: str) -> None:
    found = list(floats("x.py", source))
    assert near_money(found, {}), source
    assert near_money(found, {place: "progress" for place, _ in found}) == []
    assert near_money([], {"x.py::f": "progress"}) == [
        "x.py::f: no float there: take it out of NOT_MONEY"
    ]


def test_whole_numbers_are_not_floats() -> None:
    assert list(floats("x.py", "fee = (2 * a * 60 + 10_000) // 20_000\nt = 'a / b, 0.5'")) == []


STORED = [
    ("domain/events.py", "EVENTS = {'domain.order.order.Placed': Placed}"),
    ("domain/events.py", "EVENTS = {'OrderPlaced': Placed}"),
    ("domain/events.py", "EVENTS = {'order.placed': Placed}"),
    ("domain/events.py", "EVENTS: dict[str, type] = {Placed.__name__: Placed}"),
    ("domain/events.py", "EVENTS = {**others}"),
    ("domain/ledger/codec.py", "topic = f'{cls.__module__}:{cls.__qualname__}'"),
    ("domain/order/order.py", "NAME = 'domain.order.order:Placed'"),
]


@pytest.mark.parametrize(("path", "source"), STORED)
def test_a_derived_name_is_seen(path: str, source: str) -> None:
    assert list(stored_names(path, source))


def test_a_spelled_name_passes() -> None:
    assert list(stored_names("domain/events.py", "EVENTS = {'order.placed.1': Placed}")) == []
    assert list(stored_names("domain/settlement/calendar.py", "files('domain.settlement')")) == []
    assert list(stored_names("domain/x.py", "known = kind.__module__ == 'sqlite3'")) == []
