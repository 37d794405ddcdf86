"""The straight way from a path to its handler.

The framework looks through its routes one after another, and takes each request through a dozen
layers, of which our handlers need none: for a command that took longer than deciding it. Paths that
are asked for often stand in a table instead. Whatever is not in it goes the usual way, which also
knows what to say of an unknown path or a wrong method.
"""

from collections.abc import Awaitable, Callable, Iterable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from api.http.errors import handler_of

Handle = Callable[[Request], Awaitable[Response]]
Template = tuple[str | None, ...]  # A path's segments; None where a parameter stands.
Shape = tuple[int, ...]  # Where the parameters stand.


class Path:
    """One path: where its parameters stand, their names, and who answers."""

    __slots__ = ("handle", "names", "order", "route", "shape", "template")

    def __init__(self, order: int, path: str, handle: Handle) -> None:
        segments = path.split("/")
        self.shape: Shape = tuple(at for at, one in enumerate(segments) if one.startswith("{"))
        self.template = _template(segments, self.shape)
        self.names = tuple(segments[at][1:-1] for at in self.shape)
        self.order = order
        self.handle = handle
        self.route = Route(path, handle)  # For the log.


class Straight:
    """ASGI: known paths to their handlers, and all else to `otherwise`."""

    def __init__(self, paths: Iterable[tuple[str, str, Handle]], otherwise: ASGIApp) -> None:
        """`paths`: method, path with `{name}` for whole segments, handler. Of two that fit, the
        first counts, as in the framework's routes."""
        self._otherwise = otherwise
        self._known: dict[tuple[str, int], dict[Shape, dict[Template, Path]]] = {}
        for order, (method, path, handle) in enumerate(paths):
            one = Path(order, path, handle)
            shapes = self._known.setdefault((method, len(one.template)), {})
            shapes.setdefault(one.shape, {}).setdefault(one.template, one)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        segments = scope["path"].split("/") if scope["type"] == "http" else []
        found = self._find(scope["method"], segments) if segments else None
        if found is None:
            await self._otherwise(scope, receive, send)
            return
        values = [segments[at] for at in found.shape]
        scope["path_params"] = dict(zip(found.names, values, strict=True))
        scope["route"] = found.route
        request = Request(scope, receive)
        try:
            response = await found.handle(request)
        except Exception as error:
            response = await handler_of(error)(request, error)
        await response(scope, receive, send)

    def _find(self, method: str, segments: list[str]) -> Path | None:
        shapes = self._known.get((method, len(segments)))
        if shapes is None:
            return None
        fitting = [
            one
            for shape, paths in shapes.items()
            if (one := paths.get(_template(segments, shape))) and all(segments[at] for at in shape)
        ]
        return min(fitting, key=_order) if fitting else None


def _template(segments: list[str], shape: Shape) -> Template:
    filled: list[str | None] = list(segments)
    for at in shape:
        filled[at] = None
    return tuple(filled)


def _order(path: Path) -> int:
    return path.order
