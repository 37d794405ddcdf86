"""`zhangfang calendar`: an operator publishes a year without a new release."""

import json
from pathlib import Path
from typing import Any

import pytest

from domain.settlement.calendar import CALENDAR_VERSION
from tests.api.cli.terminal import Terminal

NEXT = CALENDAR_VERSION + 1
GOOD: dict[str, Any] = {
    "version": NEXT,
    "published": "2026-12-01",
    "source": "a notice",
    "years": {"2027": {"holidays": ["2027-01-01"], "makeup_workdays": ["2027-01-03"]}},
}


@pytest.fixture
def terminal(migrated_url: str) -> Terminal:
    return Terminal(migrated_url)


def written(tmp_path: Path, content: Any) -> Path:
    file = tmp_path / "calendar.json"
    file.write_text(content if isinstance(content, str) else json.dumps(content))
    return file


def test_a_year_is_published_once_and_shown(terminal: Terminal, tmp_path: Path) -> None:
    file = written(tmp_path, GOOD)
    words = ("calendar", "publish", file, "--operator", "lin", "--json")
    first, again = terminal(*words).json(), terminal(*words).json()
    assert (first["version"], first["years"], first["replayed"]) == (NEXT, [2027], False)
    assert again["replayed"] is True
    shown = terminal("calendar", "show", "--json").json()
    assert (shown["version"], shown["years"][-1]) == (NEXT, 2027)
    history = terminal("events", "calendar-working-days").out
    assert "operator:lin" in history


@pytest.mark.parametrize(
    ("content", "field"),
    [
        pytest.param("{", "calendar", id="no JSON"),
        pytest.param({**GOOD, "years": {"2027": {}}}, "calendar", id="a year without days"),
        pytest.param({**GOOD, "surprise": 1}, "calendar", id="an unknown field"),
        pytest.param({**GOOD, "first_year": 2026}, "calendar.first_year", id="another first year"),
        pytest.param({**GOOD, "version": 1.5}, "calendar.version", id="a fraction"),
        pytest.param({**GOOD, "version": CALENDAR_VERSION}, "version", id="a version in force"),
    ],
)
def test_a_file_that_cannot_be_right_is_refused(
    terminal: Terminal, tmp_path: Path, content: Any, field: str
) -> None:
    words = ("calendar", "publish", written(tmp_path, content), "--operator", "lin", "--json")
    assert terminal(*words).refused()["field"].startswith(field)
    assert terminal("calendar", "show", "--json").json()["version"] == CALENDAR_VERSION
