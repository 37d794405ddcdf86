"""What a request may get wrong: an HTTP status, a code of the protocol, and a sentence."""

from collections.abc import Iterator
from contextlib import contextmanager

import msgspec


class Problem(Exception):
    """Answered as `{"code", "message"}`."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


def invalid(field: str, said: str) -> Problem:
    """400 PARAM_INVALID, naming the field."""
    return Problem(400, "PARAM_INVALID", f"{field}: {said}")


@contextmanager
def reading(code: str = "PARAM_INVALID", status: int = 400) -> Iterator[None]:
    """Bytes of somebody else are read here: what is wrong with them is a Problem."""
    try:
        yield
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise Problem(status, code, str(error)[:300]) from None
