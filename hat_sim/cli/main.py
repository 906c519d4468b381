"""The entry point of `hat-sim`: its verbs, and what an error of each family does to the exit code.

A module of a verb imports only what its signature needs; the rest it imports when it is called, so that
`--help` and the light verbs stay light.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from hat_sim.cli import (
    calibrate,
    compare,
    data,
    diagnose,
    network,
    plan,
    profiles,
    report,
    run,
    schema,
    sweep,
    traffic,
    validate,
)
from hat_sim.errors import LostProcessError, RemoteError, UserError, told
from hat_sim.garbage import collect_rarely

EXIT_OTHER = 1
EXIT_USER = 2
EXIT_INTERRUPTED = 130


@dataclass
class Options:
    """What was asked of `hat-sim` before the verb."""

    debug: bool


class _Verbs(TyperGroup):
    """Ends a verb cleanly: an interrupt by its own exit code, and output while errors can still be seen."""

    def invoke(self, ctx: Any) -> Any:
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
        except KeyboardInterrupt:
            raise typer.Exit(EXIT_INTERRUPTED) from None
        return result


app = typer.Typer(
    name="hat-sim",
    cls=_Verbs,
    help="Simulate how a new edge device learns from a fleet of heterogeneous ones.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("run")(run.run)
app.command("sweep")(sweep.sweep)
app.command("compare")(compare.compare)
app.command("plan")(plan.plan)
app.command("traffic")(traffic.traffic)
app.command("report")(report.report)
app.command("diagnose")(diagnose.diagnose)
app.command("network")(network.network)
app.command("validate")(validate.validate)
app.command("schema")(schema.schema)
app.command("profiles")(profiles.profiles)
app.command("calibrate")(calibrate.calibrate)
app.add_typer(data.app, name="data")


@app.callback()
def _options(
    ctx: typer.Context,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the traceback of an unexpected error.")
    ] = False,
) -> None:
    ctx.obj.debug = ctx.obj.debug or debug


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `hat-sim` with `arguments` (by default the process's own) and return its exit code."""
    options = Options(debug=bool(os.environ.get("HAT_SIM_DEBUG")))
    collect_rarely()
    try:
        app(args=arguments, prog_name="hat-sim", obj=options)
    except SystemExit as ending:
        return ending.code if isinstance(ending.code, int) else EXIT_OTHER
    except UserError as error:
        for problem in error.problems:
            print(problem, file=sys.stderr)
        return EXIT_USER
    except LostProcessError as error:
        print(f"hat-sim: {error}", file=sys.stderr)
        return EXIT_OTHER
    except Exception as error:
        if options.debug:
            print(RemoteError.of(error).trace, end="", file=sys.stderr)
        print(
            f"hat-sim: unexpected {told(error)}\n"
            "This is a bug in hat-sim, not in your input, or in a method of your own if you use one; please "
            "report it with the output of --debug.",
            file=sys.stderr,
        )
        return EXIT_OTHER
    return 0
