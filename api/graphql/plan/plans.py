"""Plans: what a request for an operation that was compiled before goes through.

1. The document, parsed and validated, is remembered by its text (`limits.py`), its plans with it:
   one for each operation, role, and value of the variables that `@include` and `@skip` look at.
2. Variables and arguments are coerced and checked, as the stock executor does it.
3. `atLeast` waits for the read models.
4. A reader's thread runs the statements of the root fields (`roots.py`), gives their rows to the
   functions made of the selection (`coding.py`), and encodes the answer.

A plan has no errors of its own. Whatever is not in order is Unplanned: the stock executor then
answers, with errors if there are any.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import msgspec
from graphql import GraphQLError, GraphQLSchema, OperationDefinitionNode
from graphql.execution.values import get_argument_values, get_variable_values
from strawberry.utils.str_converters import to_snake_case

from api.graphql.access import ACCESS, check_arguments
from api.graphql.limits import Prepared
from api.graphql.plan.books import Books, Readers
from api.graphql.plan.declared import ROOTS, Arguments, Compiled, Given
from api.graphql.plan.selecting import (
    TYPENAME,
    Selected,
    Unplanned,
    count_of,
    flags_of,
    operation_of,
    selected,
)
from api.graphql.scope import Scope
from api.http.keys import Caller, Role
from api.operations.watching import Watch
from domain.refusals import Refused

MOST_FLAGS = 4  # Variables of `@include` and `@skip`: sixteen plans of one operation.
PLAN_BYTES = 8_000  # About what a plan takes, and each field of it: rather too many than too few.
FIELD_BYTES = 1_500
_encode = msgspec.json.Encoder().encode
Wait = Callable[[int, Sequence[str]], Awaitable[None]]


class PlannedRoot:
    """A root field under its key of the answer."""

    def __init__(self, schema: GraphQLSchema, one: Selected, role: Role) -> None:
        root = ROOTS.get(one.name)
        access = ACCESS[one.name]
        if root is None or role not in access.roles:
            raise Unplanned(f"Query.{one.name}")
        self.key = one.key
        self.compiled: Compiled = root.compiled(one, role)
        self.models = access.models
        self._node = one.node
        assert schema.query_type is not None
        self._field = schema.query_type.fields[one.name]
        self._python_names = {name: _python_name(name) for name in self._field.args}
        self._names = {python: name for name, python in self._python_names.items()}
        self._constant: Arguments | None = None
        if not any(_has_variable(argument.value) for argument in one.node.arguments or ()):
            self._constant = self._checked(None)

    def arguments(self, variables: Any) -> Arguments:
        """The arguments under their names in Python, checked."""
        return self._checked(variables) if self._constant is None else self._constant

    def _checked(self, variables: Any) -> Arguments:
        try:
            found = get_argument_values(self._field, self._node, variables)
            arguments = {self._python_names[name]: value for name, value in found.items()}
            at_least = arguments.pop("at_least", None)
            check_arguments(arguments, self._names)
        except (GraphQLError, Refused) as error:
            raise Unplanned("arguments") from error
        return {**arguments, "at_least": at_least}


def _python_name(name: str) -> str:
    return "from_" if name == "from" else to_snake_case(name)


def _has_variable(value: Any) -> bool:
    if value.kind == "variable":
        return True
    return any(map(_has_variable, getattr(value, "values", ()) or ()))


class Plan:
    """An operation of a document for one role, under some values of its flags."""

    def __init__(
        self,
        schema: GraphQLSchema,
        prepared: Prepared,
        operation: OperationDefinitionNode,
        flags: Mapping[str, bool],
        role: Role,
    ) -> None:
        tree = selected(schema, prepared.document, operation, flags)
        self.bytes = PLAN_BYTES + FIELD_BYTES * count_of(tree)
        self._typenames = {one.key: one.within.name for one in tree if one.name == TYPENAME}
        self._keys = [one.key for one in tree]
        self._roots = [PlannedRoot(schema, one, role) for one in tree if one.name != TYPENAME]
        self._alone = sum(root.compiled.statements for root in self._roots) <= 1
        self._tables = frozenset().union(*(root.compiled.tables for root in self._roots))

    def arguments(self, variables: Any) -> list[Arguments]:
        """Of each root field, checked. Raises Unplanned."""
        return [root.arguments(variables) for root in self._roots]

    async def wait(self, arguments: Sequence[Arguments], wait: Wait) -> None:
        """For what `atLeast` asks for. Raises Refused(BUSY)."""
        for root, given in zip(self._roots, arguments, strict=True):
            if given["at_least"] is not None:
                await wait(given["at_least"], root.models)

    def answer(
        self, books: Books, scope: Scope, arguments: Sequence[Arguments], variables: Any
    ) -> bytes:
        """The whole answer as JSON. Raises Unplanned, and what the databases raise."""
        given = [Given(scope, one, variables) for one in arguments]
        if self._alone:
            return self._read(books, given)
        with books.view(self._tables):
            return self._read(books, given)

    def _read(self, books: Books, given: Sequence[Given]) -> bytes:
        data: dict[str, Any] = dict.fromkeys(self._keys)
        data.update(self._typenames)
        for root, asked in zip(self._roots, given, strict=True):
            data[root.key] = root.compiled.read(books, asked)
        return _encode({"data": data})


class Plans:
    """The plans of prepared documents."""

    def __init__(self, schema: GraphQLSchema, watch: Watch) -> None:
        self._schema = schema
        self._watch = watch

    async def answer(
        self,
        caller: Caller,
        prepared: Prepared,
        operation: str | None,
        variables: Mapping[str, Any],
        wait: Wait,
        readers: Readers,
    ) -> bytes:
        """The answer of a request as JSON. Raises Unplanned, Refused(BUSY, "atLeast"), and what the
        databases raise."""
        place = (operation, caller.role, _encode(variables))
        asked = prepared.plans.asked.get(place)
        if asked is None:
            chosen = operation_of(prepared.document, operation)
            coerced = self._coerced(chosen, variables)
            plan = self._plan(prepared, chosen, coerced, caller.role)
            asked = (plan, plan.arguments(coerced), coerced)
            prepared.plans.remember(place, asked, len(place[-1]))
        plan, arguments, coerced = asked
        await plan.wait(arguments, wait)
        scope = Scope(caller, self._watch)
        return await readers.run(lambda books: plan.answer(books, scope, arguments, coerced))

    def _coerced(self, operation: OperationDefinitionNode, given: Mapping[str, Any]) -> Any:
        if not operation.variable_definitions:
            return None
        coerced = get_variable_values(self._schema, operation.variable_definitions, dict(given))
        if isinstance(coerced, list):
            raise Unplanned("variables")
        return coerced

    def _plan(
        self, prepared: Prepared, operation: OperationDefinitionNode, coerced: Any, role: Role
    ) -> Plan:
        kept = prepared.plans
        if kept.flags is None:
            kept.flags = flags_of(prepared.document)
        values = coerced.coerced if coerced is not None else {}
        # In another operation a variable of this name may be anything: only a flag's value counts.
        given = {flag: values[flag] for flag in kept.flags if isinstance(values.get(flag), bool)}
        name = operation.name.value if operation.name else ""
        place = (name, role, *(given.get(flag) for flag in kept.flags))
        plan = kept.known.get(place)
        if plan is None:
            plan = self._made(prepared, operation, given, role)
            kept.keep(place, plan, plan.bytes if isinstance(plan, Plan) else len(plan))
        if isinstance(plan, str):
            raise Unplanned(plan)
        known: Plan = plan
        return known

    def _made(
        self,
        prepared: Prepared,
        operation: OperationDefinitionNode,
        flags: Mapping[str, bool],
        role: Role,
    ) -> Plan | str:
        """The plan, or why there is none."""
        if len(flags) > MOST_FLAGS:
            return "flags"
        try:
            return Plan(self._schema, prepared, operation, flags, role)
        except Unplanned as reason:
            return str(reason)
