"""What comes with a form of the cashier's pages."""

from urllib.parse import parse_qsl

from starlette.requests import Request as HttpRequest

from domain.refusals import Code, Refused

MOST_BYTES = 4_096


async def read_form(request: HttpRequest) -> dict[str, str]:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_BYTES:
            raise Refused(Code.REQUEST_INVALID, "body", f"above {MOST_BYTES} bytes")
    try:
        return dict(parse_qsl(body.decode("ascii"), max_num_fields=20))
    except ValueError:
        raise Refused(Code.REQUEST_INVALID, "body", "a form is needed") from None


def counted(text: str) -> int:
    """A small number, 0 for what is none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 4 else 0


def sealed(session_no: str, attempt: int | str, nonce: str, plan: str) -> str:
    """What the seal of a page that confirms is made of: whose it is, and what it showed."""
    return f"{session_no} {attempt} {nonce} {plan}"
