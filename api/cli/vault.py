"""`zhangfang vault`: keys, rotation, backups and restores of the vault of personal data."""

import os
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy import Engine

from api.cli.opening import (
    forgotten_list,
    key_ring,
    open_desk,
    open_vault,
    settings_beside,
)
from api.cli.output import FOUND, DatabaseOption, JsonOption, Say, answering, naming
from api.operations.forgetting import Agreed, agree
from api.settings import Settings
from domain.eventstore.database import parse_database_url
from domain.ledger.ledger import utc_us
from domain.refusals import Code, Refused
from domain.vault import backup as backups
from domain.vault.keys import next_line
from domain.vault.place import create_tables, overwrite_gone, vault_database, vault_engine
from domain.vault.vault import prove

app = typer.Typer(
    no_args_is_help=True, help="The vault of personal data: keys, rotation, backup, restore."
)
FOUND_BY = ("number", "identity", "phone")
AGAIN = "Stopped. The same command goes on where this one stopped."
KeyFile = Annotated[Path, typer.Argument(metavar="FILE", help="The key file, mode 0600.")]


@app.command("new-key")
def new_key(file: KeyFile, as_json: JsonOption = False) -> None:
    """Add a new version of the key to a file, or begin one; then `rotate`."""
    with answering(None, as_json) as say:
        with naming("file", file):
            version = add_key(file)
        if say.as_json:
            say.json({"file": str(file), "version": version})
        say.line(
            f"{file}: version {version}. Keep it apart from the ledger's and the vault's backups."
        )


def add_key(file: Path) -> int:
    """The version that was added; the file is its owner's alone. Raises OSError."""
    there = file.read_text(encoding="ascii") if file.exists() else ""
    version, line = next_line(there)
    begun = there if not there or there.endswith("\n") else f"{there}\n"
    partial = file.with_name(f"{file.name}.partial")
    partial.unlink(missing_ok=True)
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as opened:
        opened.write(begun + line)
        opened.flush()
        os.fsync(opened.fileno())
    partial.replace(file)
    return version


@app.command()
def status(database: DatabaseOption = None, as_json: JsonOption = False) -> None:
    """What is in the vault, and which versions of the key it needs."""
    with answering(database, as_json) as say:
        with closing(open_vault(say.database_url, settings_beside(say.database_url))) as vault:
            found = vault.standing()
        if say.as_json:
            say.json(found)
        say.line(f"{found.members} members, {found.items} items, {found.forgotten} forgotten")
        for version, count in found.versions.items():
            say.line(f"  version {version} of the key wraps {count} members' keys")


@app.command()
def find(
    field: Annotated[str, typer.Argument(metavar="number|identity|phone", help="What is sought.")],
    database: DatabaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Whose a number is. It is read from stdin, so that it stands in no list of processes."""
    with answering(database, as_json) as say:
        if field not in FOUND_BY:
            raise Refused(Code.REQUEST_INVALID, "field", f"one of {', '.join(FOUND_BY)} is needed")
        with closing(open_vault(say.database_url, settings_beside(say.database_url))) as vault:
            found = vault.find(field, sys.stdin.readline().strip())
        if say.as_json:
            keys = ("member_id", "kind", "item")
            say.json({"found": [dict(zip(keys, one, strict=True)) for one in found]})
        for member_id, kind, item in found:
            say.line(f"{member_id}  {kind}  {item}")
    if not found:
        raise typer.Exit(FOUND)


@app.command()
def rotate(database: DatabaseOption = None, as_json: JsonOption = False) -> None:
    """Wrap every member's key with the newest version of the key. Tokens stay as they are."""
    with answering(database, as_json, interrupted=AGAIN) as say:
        opened = closing(open_vault(say.database_url, settings_beside(say.database_url)))
        with opened as vault, say.progress("keys") as told:
            done = vault.rotate(told)
        if say.as_json:
            say.json(done)
        say.line(f"{done.rewrapped} of {done.members} keys wrapped anew; all by version {done.to}")


@app.command()
def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A file that is not there yet.")],
    database: DatabaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write the vault's ciphertext to a file; no key stands in it."""
    with answering(database, as_json) as say:
        with _engine(say, settings_beside(say.database_url)) as engine:
            rows = backups.write(engine, file)
        if say.as_json:
            say.json({"file": str(file), "rows": rows})
        say.line(f"{file}: {rows} rows")


@app.command()
def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A backup.")],
    database: DatabaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Put a backup in the place of the vault; who is forgotten stays forgotten."""
    with answering(database, as_json) as say:
        settings = settings_beside(say.database_url)
        with _engine(say, settings) as engine:
            keys = key_ring(settings)
            rows = backups.restore(engine, file, lambda connection: prove(connection, keys))
            overwrite_gone(engine)
        agreed = agreement(say, settings)
        if say.as_json:
            say.json({"rows": rows, "erased": agreed.erased, "recorded": agreed.recorded})
        say.line(f"{rows} rows are back")
        for one in agreed.erased:
            say.line(f"{one} is forgotten by the ledger: erased again")
        for one in agreed.recorded:
            say.line(f"{one} was forgotten: the ledger has it on record again")


def agreement(say: Say, settings: Settings) -> Agreed:
    """Ledger, vault and list agree on who is forgotten."""
    opened = closing(open_vault(say.database_url, settings))
    with opened as vault, open_desk(say.database_url) as context:
        return agree(context.ledger, context.engine, vault, utc_us())


@contextmanager
def _engine(say: Say, settings: Settings) -> Iterator[Engine]:
    place = vault_database(parse_database_url(say.database_url), settings.vault)
    engine = vault_engine(place)
    try:
        create_tables(engine, place)
        yield engine
    finally:
        engine.dispose()


@app.command()
def forgotten(database: DatabaseOption = None, as_json: JsonOption = False) -> None:
    """Who is forgotten, by the vault and the list that is kept with its keys."""
    with answering(database, as_json) as say:
        settings = settings_beside(say.database_url)
        with closing(open_vault(say.database_url, settings)) as vault:
            found = vault.forgotten()
        path = forgotten_list(settings)
        if say.as_json:
            say.json({"list": None if path is None else str(path), "forgotten": found})
        for one in found:
            say.line(one)
