"""How the cashier's pages are made: from a template, in the language of who looks, under a policy
that lets nothing in from elsewhere."""

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request as HttpRequest
from starlette.responses import HTMLResponse, Response

from api.web.texts import Words, preferred
from domain.money import decimal_text

TEMPLATES = Path(__file__).parent / "templates"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
LANGUAGE = "zf_lang"
_environment = Environment(
    loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined
)


def page(template: str, words: Words, status: int = 200, **given: Any) -> Response:
    body = rendered(template, words, **given)
    headers = {"Content-Security-Policy": POLICY, "Referrer-Policy": "no-referrer"}
    return HTMLResponse(body, status, headers)


def shut(request: HttpRequest) -> Response:
    """For who does not have the session's link."""
    return page("link.html", words_for(request), status=403)


def rendered(template: str, words: Words, **given: Any) -> str:
    made = _environment.get_template(f"cashier/{template}")
    return made.render(words=words, yuan=decimal_text, **given)


def words_for(request: HttpRequest) -> Words:
    asked, kept = request.query_params.get("lang"), request.cookies.get(LANGUAGE)
    return Words(preferred(asked, kept, request.headers.get("accept-language", "")))


def language_kept(request: HttpRequest, answer: Response, words: Words, path: str) -> Response:
    """The language that was asked for stays: pages that come by themselves do not name it."""
    if request.query_params.get("lang"):
        answer.set_cookie(LANGUAGE, words.language, path=path, samesite="lax", httponly=True)
    return answer
