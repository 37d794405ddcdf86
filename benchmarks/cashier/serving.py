"""`zhangfang serve` with one page more, which is made of nothing: the floor of every other page.

python -m benchmarks.cashier.serving serve --port 0      GET /bare/4000 is a page of 4,000 bytes
"""

from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

import api.app
from api.cli.app import main

_create_app = api.app.create_app
_HEADERS = {"Referrer-Policy": "no-referrer"}


async def _bare(request: Request) -> Response:
    return HTMLResponse(b"x" * int(request.path_params["size"]), headers=_HEADERS)


def _with_it(*given: Any) -> Any:
    app = _create_app(*given)
    app.router.routes.append(Route("/bare/{size:int}", _bare))
    return app


if __name__ == "__main__":
    api.app.create_app = _with_it  # type: ignore[assignment]  # Called with the same arguments.
    main()
