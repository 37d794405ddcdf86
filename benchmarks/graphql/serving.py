"""`zhangfang serve` with another executor behind /graphql; all else is the same server.

python -m benchmarks.graphql.serving stock serve --port 0      plans are off
python -m benchmarks.graphql.serving floor serve --port 0      one SQL statement for each query
"""

import sys
from typing import Any

import api.app
from api.cli.app import main
from api.context import AppContext
from benchmarks.graphql.floor import floor_app

_create_app = api.app.create_app


def _stock(context: AppContext, *given: Any) -> Any:
    app = _create_app(context, *given)
    app.state.graphql.planning = False
    return app


def _floor(context: AppContext, *given: Any) -> Any:
    app: Any = _create_app(context, *given)
    app.graphql = floor_app(context)
    return app


if __name__ == "__main__":
    made = {"stock": _stock, "floor": _floor}[sys.argv.pop(1)]
    api.app.create_app = made  # type: ignore[assignment]  # Called with the same arguments.
    main()
