"""Old payload -> new: how a fact stored under an older name becomes the class of today.

Old name -> (the struct it was stored as, a pure function to the current class). Nothing has been
superseded yet; the store applies an upcast when it decodes, and never rewrites what is stored.
"""

from collections.abc import Callable
from typing import Any

from domain.kernel import Fact

UPCASTS: dict[str, tuple[type[Fact], Callable[[Any], Fact]]] = {}
