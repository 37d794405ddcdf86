"""The shop in the box as a child of this process, for `zhangfang run` (docs/merchants.md).

It is a merchant's program: all it is given is where the institution is and keys, in a file that its
owner alone can read.
"""

from collections.abc import Mapping
from pathlib import Path

from api.operations.child import Child, NotStarted, write_secret
from api.operations.outside import renamed
from domain.refusals import Code, Refused

BUYER = "xiaohong"  # Of the story.
HINT = "; --no-shop does without it"


class DemoShop:
    """A running shop; use as a context. `url` is where it listens."""

    def __init__(
        self, directory: Path, api: str, merchants: Mapping[str, str], platform: str, sandbox: str
    ) -> None:
        """`merchants`: the key of each; `platform`: an operator's; `sandbox`: where the simulator
        is, "" for nowhere. Raises Refused(REQUEST_INVALID, "shop") when it cannot be started."""
        self.directory = directory
        try:
            directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            given = {"api": api, "buyer": BUYER, "merchants": merchants}
            settings = given | {"platform": platform, "sandbox": sandbox}
            write_secret(directory / "shop.json", settings)
            self._child = Child("simulator.shop", ["--directory", str(directory)])
        except (NotStarted, OSError) as no:
            told = str(no).strip().removeprefix("shop: ")[-300:]
            detail = f"it did not start: {told}{HINT}"
            raise Refused(Code.REQUEST_INVALID, "shop", detail) from None
        self.url: str = self._child.said["url"]

    def __enter__(self) -> "DemoShop":
        return self

    def __exit__(self, *_error: object) -> None:
        self._child.stop()


def set_aside(directory: Path) -> Path | None:
    """Rename the directory of a shop that sold through another ledger; None when there is none."""
    return renamed(directory) if (directory / "shop.db").exists() else None
