"""`zhangfang bench`: the measurements of `benchmarks/`, loaded only when they are asked for."""

import typer

from api.cli.output import GIVEN


def bench(context: typer.Context) -> None:
    """Measure speed on both databases; `zhangfang bench --help` shows what narrows it."""
    from benchmarks.run import command

    arguments = list(context.args)
    if GIVEN.get()[1] and "--json" not in arguments:
        arguments.append("--json")
    measure = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    measure.command()(command)
    code = measure(arguments, prog_name="zhangfang bench", standalone_mode=False)
    if code:
        raise typer.Exit(code)
