"""The parameters of an address, each of which may stand once."""

from starlette.requests import Request

from domain.refusals import Code, Refused


def parameters(request: Request) -> dict[str, str]:
    """By name. Raises Refused(REQUEST_INVALID) for one that stands twice: which one is meant?"""
    found: dict[str, str] = {}
    for name, text in request.query_params.multi_items():
        if name in found:
            raise Refused(Code.REQUEST_INVALID, name, "the parameter stands more than once")
        found[name] = text
    return found
