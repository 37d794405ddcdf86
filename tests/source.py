"""Every module of the system as a syntax tree, for the tests of the house rules."""

import ast
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
PACKAGES = ("domain", "projections", "api", "migrations", "benchmarks", "simulator")


class Module(NamedTuple):
    """A module's dotted name, where it stands, and its tree."""

    name: str
    path: str
    tree: ast.Module
    is_package: bool = False

    def within(self, *packages: str) -> bool:
        return any(within(self.name, package) for package in packages)


class Import(NamedTuple):
    line: int
    name: str


Rule = Callable[[Module], Iterator[str]]


def within(name: str, package: str) -> bool:
    return name == package or name.startswith(package + ".")


@cache
def modules() -> tuple[Module, ...]:
    """All of them, read once: no rule changes a tree."""
    found = []
    for package in PACKAGES:
        for file in sorted((ROOT / package).rglob("*.py")):
            path = file.relative_to(ROOT)
            name = ".".join(path.with_suffix("").parts).removesuffix(".__init__")
            tree = ast.parse(file.read_text(encoding="utf-8"), str(path))
            found.append(Module(name, str(path), tree, file.name == "__init__.py"))
    return tuple(found)


@cache
def imports(module: Module) -> tuple[Import, ...]:
    """Every import, also those inside functions and under TYPE_CHECKING, as absolute names.

    `from a import b` gives `a.b`: whether b is a module makes no difference to the rules.
    """
    return tuple(_imports(module))


def _imports(module: Module) -> Iterator[Import]:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            yield from (Import(node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parts = module.name.split(".")
                up = node.level - module.is_package
                base = ".".join([*parts[: len(parts) - up], *([base] if base else [])])
            yield from (
                Import(node.lineno, f"{base}.{alias.name}".lstrip(".")) for alias in node.names
            )


def example(name: str, source: str) -> Module:
    return Module(name, name.replace(".", "/") + ".py", ast.parse(source))
