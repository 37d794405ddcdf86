"""A browser without scripts that opens the cashier's pages."""

from typing import Any

from tests.api.conftest import Server


class Device:
    """It follows the link of a session, whose pages are at `path`."""

    def __init__(self, server: Server, path: str) -> None:
        self.server = server
        self.path = path
        server.client.cookies.clear()

    def get(self, path: str = "", **headers: str) -> Any:
        return self.server.client.get(path or self.path, headers=headers, follow_redirects=False)

    def follow(self, link: str) -> Any:
        answer = self.get(link)
        assert (answer.status_code, answer.headers["location"]) == (303, self.path)
        return self.get()
