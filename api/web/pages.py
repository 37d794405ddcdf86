"""The two pages for people, GraphiQL and REST commands: all they load comes from this server."""

from pathlib import Path

from starlette.responses import HTMLResponse, Response
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

STATIC = Path(__file__).parent / "static"
POLICY = (
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "font-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)


def page(name: str) -> Response:
    """A page of ours, such as `graphiql.html`."""
    headers = {"Content-Security-Policy": POLICY, "Referrer-Policy": "no-referrer"}
    return HTMLResponse((STATIC / name).read_bytes(), headers=headers)


def assets() -> Mount:
    """What the pages load, from this server and nowhere else."""
    return Mount("/static", StaticFiles(directory=STATIC))
