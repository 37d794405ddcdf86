"""The catalogues are whole: every fact has its stored name, its aggregate and a kept example, every
command its handler, every refusal its meaning, every policy its reason."""

import importlib
import inspect
import pkgutil
import re
import typing
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import msgspec
import pytest
from msgspec.structs import replace

import domain
from domain.accounting.chart import (
    CHART,
    ENTERPRISE_ACCOUNTS,
    PERSONAL_ACCOUNTS,
    RESERVE_IDENTITY,
)
from domain.channel.channels import CHANNELS, PAYOUT_CHANNEL
from domain.commands import COMMANDS
from domain.events import AGGREGATES, EVENTS, NAMES
from domain.kernel import Command, Fact, MergeableFact
from domain.ledger import codec
from domain.policies import POLICIES, REACTIONS
from domain.refusals import MEANING, NUMBER_TAKEN, Code
from domain.upcasts import UPCASTS
from tests.examples import EXAMPLES, MAKER, PAID_AT
from tests.full_examples import FULL_EXAMPLES

ROOT = Path(__file__).parent.parent
GOLDEN = ROOT / "tests/golden/events"
NAME = re.compile(r"[a-z]+(_[a-z]+)*\.[a-z]+(_[a-z]+)*\.[1-9][0-9]*")
COMMAND_NAME = re.compile(r"[a-z]+(_[a-z]+)*\.[a-z]+(_[a-z]+)*")


def modules() -> Iterator[ModuleType]:
    for found in pkgutil.walk_packages(domain.__path__, "domain."):
        yield importlib.import_module(found.name)


def classes(base: type, *without: type) -> set[type]:
    """Every class of domain/ that is a `base`."""
    return {
        one
        for module in modules()
        for one in vars(module).values()
        if inspect.isclass(one) and issubclass(one, base) and one.__module__.startswith("domain.")
    } - {base, *without}


def events_of(module: ModuleType) -> set[type]:
    """The union an aggregate's `evolve` folds; a single class is a union of one."""
    event = module.Event
    return set(typing.get_args(event)) or {event}


# Facts.


def test_every_fact_has_one_stored_name() -> None:
    superseded = {stored for stored, _ in UPCASTS.values()}
    assert classes(Fact, MergeableFact) - superseded == set(EVENTS.values())
    assert len(NAMES) == len(EVENTS), "two names for one class: the older one needs an upcast"
    assert set(EVENTS).isdisjoint(UPCASTS)


@pytest.mark.parametrize("name", sorted({*EVENTS, *UPCASTS}))
def test_a_stored_name_says_system_fact_and_number(name: str) -> None:
    assert NAME.fullmatch(name)


def test_every_fact_belongs_to_the_aggregate_it_is_defined_with() -> None:
    folded = [fact for module in AGGREGATES.values() for fact in events_of(module)]
    assert len(folded) == len(set(folded))
    assert set(folded) == set(EVENTS.values())
    for module in AGGREGATES.values():
        assert {fact.__module__ for fact in events_of(module)} == {module.__name__}


def test_every_module_with_a_state_and_an_evolve_is_an_aggregate() -> None:
    found = {
        module for module in modules() if hasattr(module, "evolve") and hasattr(module, "State")
    }
    assert found == set(AGGREGATES.values())


@pytest.mark.parametrize("category", AGGREGATES)
def test_an_aggregate_begins_empty_and_in_order(category: str) -> None:
    """Docstring, facts, state, decisions, evolve: the reader always finds them in this order."""
    module = AGGREGATES[category]
    state = module.State()
    assert msgspec.json.decode(msgspec.json.encode(state), type=module.State) == state
    assert module.__doc__
    assert "──" in module.__doc__, "the state machine is drawn in the docstring"
    source = inspect.getsource(module)
    places = [source.index(word) for word in ("\nEvent = ", "\nclass State(", "\ndef evolve(")]
    assert places == sorted(places)


def test_only_facts_that_are_meant_to_merge_do() -> None:
    merging = {NAMES[fact] for fact in EVENTS.values() if issubclass(fact, MergeableFact)}
    assert merging == {
        "account.posted.1",
        "reserve.collected.1",
        "settlement.batch_collected.1",
    }


@pytest.mark.parametrize("name", EVENTS)
def test_a_field_named_entry_is_an_entry_and_money_says_its_unit(name: str) -> None:
    """What moves money is found by its field `entry`; an amount says fen, an instant µs."""
    for field, kind in typing.get_type_hints(EVENTS[name]).items():
        if field == "entry" or "Entry" in str(kind):
            assert field == "entry"
            assert "domain.kernel.Entry" in str(kind)
        if kind is int:
            assert field.endswith(("_fen", "_us")) or field in {
                "items",
                "secret",
                "position",
                "after",
                "until",
                "count",
                "attempt",
                "calendar_version",
                "leg",
                "part",
                "window",
                "report",
                "binding",
                "replaces",
                "tries_left",
                "level",
                "years",
                "version",
                "persons",
                "enterprises",
                "load",
                "looked",
                "reserve_bps",
                "reserve_days",
            }
        assert kind is not float


# Examples kept for ever.


def test_there_is_an_example_of_every_fact_and_a_file_of_every_example() -> None:
    assert set(EXAMPLES) == set(EVENTS)
    assert {type(fact) for fact in EXAMPLES.values()} == set(EVENTS.values())
    files = {file.name.removesuffix(".json") for file in GOLDEN.iterdir()}
    assert files == {*EVENTS, *UPCASTS}


@pytest.mark.parametrize("name", EVENTS)
def test_a_fact_is_stored_in_the_bytes_it_always_was(
    name: str, golden: Callable[[str, str], None]
) -> None:
    stored = codec.encode(EXAMPLES[name], PAID_AT, MAKER, "request-1", "order-JD1001#4")
    golden(f"tests/golden/events/{name}.json", stored.decode() + "\n")


@pytest.mark.parametrize("name", EVENTS)
def test_what_was_stored_is_read_as_the_fact_it_was(name: str) -> None:
    stored = (GOLDEN / f"{name}.json").read_bytes().rstrip(b"\n")
    read = codec.decode((7, "stream-1", 3, name, stored))
    assert read.fact == EXAMPLES[name]
    assert type(read.fact) is EVENTS[name]
    assert (read.at_us, read.actor, read.command, read.cause) == (
        PAID_AT,
        MAKER,
        "request-1",
        "order-JD1001#4",
    )
    assert codec.encode(read.fact, read.at_us, read.actor, read.command, read.cause) == stored


@pytest.mark.parametrize("name", FULL_EXAMPLES)
def test_optional_fields_are_stored_in_the_bytes_they_always_were(
    name: str, golden: Callable[[str, str], None]
) -> None:
    fact = FULL_EXAMPLES[name]
    stored = codec.encode(fact, PAID_AT, MAKER, "request-1", "order-JD1001#4")
    golden(f"tests/golden/full_events/{name}.json", stored.decode() + "\n")
    assert codec.decode((7, "stream-1", 3, name, stored)).fact == fact


@pytest.mark.parametrize(
    ("name", "stored"),
    [
        pytest.param("order.paid.2", b'{"at":1,"by":"x","fact":{}}', id="a name nobody knows"),
        pytest.param("domain.order.order:Paid", b"{}", id="a module path"),
        pytest.param("order.paid.1", b'{"at":1,"by":"x","fact":{}}', id="a field is missing"),
        pytest.param("order.paid.1", b'{"at":1,"by":"x"}', id="no fact"),
        pytest.param("order.paid.1", b"", id="nothing"),
        pytest.param("order.paid.1", b"\xff\xfe", id="no text"),
        pytest.param(
            "settlement.batch_settled.1", b'{"at":1,"by":"x","fact":{"paid_fen":1.5}}', id="a float"
        ),
    ],
)
def test_a_row_that_is_no_fact_is_an_error_never_a_guess(name: str, stored: bytes) -> None:
    with pytest.raises(codec.UnknownFact):
        codec.decode((1, "order-1", 1, name, stored))


# Commands.


def test_what_was_stored_under_an_older_name_is_read_as_the_fact_of_today() -> None:
    """The examples of superseded names stay for ever."""
    today = {
        **{name: EXAMPLES[f"{name[:-2]}.2"] for name in UPCASTS},
        "member.certified.1": replace(EXAMPLES["member.certified.2"], customer=""),
        "refund.approved.1": replace(EXAMPLES["refund.approved.2"], parts=()),
    }
    assert set(today) == set(UPCASTS)
    for name, fact in today.items():
        stored = (GOLDEN / f"{name}.json").read_bytes().rstrip(b"\n")
        assert codec.decode((7, "stream-1", 3, name, stored)).fact == fact


def test_every_command_has_one_handler_and_one_name() -> None:
    assert classes(Command) == set(COMMANDS)
    names = [registered.name for registered in COMMANDS.values()]
    assert len(set(names)) == len(names)
    assert all(COMMAND_NAME.fullmatch(name) for name in names)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.__name__)
def test_a_handler_takes_its_own_command(command: type[Command]) -> None:
    handler = COMMANDS[command].handler
    parameters = list(inspect.signature(handler).parameters.values())
    assert [p.name for p in parameters] == ["unit", "command"]
    assert typing.get_type_hints(handler)["command"] is command
    assert command.__struct_config__.frozen
    assert command.__struct_config__.forbid_unknown_fields


# Policies.


def test_every_policy_reacts_to_a_registered_fact_and_says_why() -> None:
    for fact, policy, why in POLICIES:
        assert fact in NAMES
        assert inspect.getdoc(policy), policy
        assert why
        assert why == why.strip().rstrip(".")
    pairs = [(fact, policy) for fact, policy, _ in POLICIES]
    assert len(set(pairs)) == len(pairs), "a policy would run twice"
    assert sum(len(policies) for policies in REACTIONS.values()) == len(POLICIES)


# Refusals.


def test_every_refusal_has_its_meaning_in_the_order_of_precedence() -> None:
    assert list(MEANING) == list(Code)
    assert all(meaning.endswith(".") for meaning in MEANING.values())
    assert len(set(MEANING.values())) == len(MEANING)


def test_every_code_of_a_taken_number_is_known_as_one() -> None:
    """What a number was taken for is told to nobody else: a new such code must not be left out."""
    by_name = {code for code in Code if code.endswith("_exists")}
    by_meaning = {
        code for code in Code if re.search(r" (is|was) already |already exists", MEANING[code])
    }
    assert by_name == NUMBER_TAKEN <= by_meaning
    of_a_state = {Code.DAY_ALREADY_OPEN, Code.BATCH_NOT_COLLECTING}
    assert by_meaning - NUMBER_TAKEN <= of_a_state
    assert all(code.value == code.name.lower() for code in Code)


# The chart and the channels.


def test_the_chart_is_whole() -> None:
    for code, line in CHART.items():
        assert code == line.code
        assert re.fullmatch(r"\d{4}(\.\d{2})?", code)
        assert line.title
    assert set(PERSONAL_ACCOUNTS) | set(ENTERPRISE_ACCOUNTS) | RESERVE_IDENTITY <= set(CHART)
    for code in (*PERSONAL_ACCOUNTS, *ENTERPRISE_ACCOUNTS):
        assert CHART[code].owner == "member"
    first = {"1": "asset", "2": "liability", "4": "equity"}
    for code, line in CHART.items():
        expected = first.get(code[0], "income" if code < "6400" else "expense")
        assert line.type == expected, code


def test_every_account_of_the_chart_has_a_constant() -> None:
    from domain.accounting import chart

    constants = {
        value for name, value in vars(chart).items() if name.isupper() and isinstance(value, str)
    }
    assert constants == set(CHART)


def test_payouts_have_a_channel_and_channels_a_network() -> None:
    assert CHANNELS[PAYOUT_CHANNEL].pays_out
    for name, channel in CHANNELS.items():
        assert name == channel.name
        assert channel.network in ("NETSUNION", "UNIONPAY")
        assert channel.pays_in or channel.pays_out


def test_states_hold_no_container_that_grows(  # The caps are proved with each aggregate.
) -> None:
    allowed = {
        ("account", "holds"),
        ("account", "attached"),
        ("cards", "bindings"),
        ("certificates", "certificates"),
        ("channel", "times"),
        ("channel", "reports"),
        ("contradiction", "items"),
        ("contradiction", "paid"),
        ("calendar", "years"),
        ("instruction", "paid"),
        ("lists", "lists"),
        ("bill", "versions"),
        ("member", "operators"),
        ("screening", "matches"),
        ("member", "agreements"),
        ("access", "given"),
        ("agreement", "versions"),
        ("agreement", "debt_limits"),
        ("member", "certified"),
        ("member", "debt_limits"),
        ("member", "fee_rules"),
        ("member", "settlement_terms"),
        ("order", "uses"),
        ("payment", "legs"),
        ("turnover", "used"),
        ("refund", "waits"),
        ("settlement", "payouts"),
        ("transaction", "legs"),
        ("staff", "operators"),
        ("transfer", "done"),
        ("webhooks", "endpoints"),
    }
    found = {
        (category, field)
        for category, module in AGGREGATES.items()
        for field, kind in typing.get_type_hints(module.State).items()
        if re.search(r"\b(tuple|list|dict|set|frozenset)\b", str(kind))
    }
    assert found == allowed


# The glossary.


def test_what_the_glossary_names_is_in_the_code() -> None:
    """A word that was renamed is renamed there too; what is to come says so."""
    packages = ("domain", "projections", "api", "migrations", "simulator")
    files = [file for name in packages for file in (ROOT / name).rglob("*.py")]
    code = "\n".join([*(file.read_text(encoding="utf-8") for file in files)])
    words = set(re.findall(r"\w+", code)) | {part for file in files for part in file.parts}
    rows = (ROOT / "docs/glossary.md").read_text(encoding="utf-8").splitlines()
    named = [row.split("|")[2] for row in rows if row.startswith("| ") and "(to come)" not in row]
    wanted = {
        part
        for cell in named
        for name in re.findall(r"`([^`]+)`", cell)
        for part in re.findall(r"\w+", name)
    }
    assert len(wanted) > 150
    assert wanted <= words, sorted(wanted - words)
    assert set(AGGREGATES) - {"settlement"} <= wanted, "an aggregate without its row"
