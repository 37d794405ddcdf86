"""Intervals of dates as arguments: half-open, either end may stay away."""

from typing import Annotated

import strawberry

from api.graphql.scalars import Date

From = Annotated[
    Date | None, strawberry.argument(name="from", description="The first date that counts.")
]
To = Annotated[
    Date | None, strawberry.argument(name="to", description="The first date that does not.")
]
