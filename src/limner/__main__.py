"""`python -m limner` and the `limner` command."""

import sys

import typer
from typer.main import get_command

from limner.cli.app import app


def main() -> None:
    if "--json" not in sys.argv:
        app()
    try:
        sys.exit(get_command(app).main(prog_name="limner", standalone_mode=False))
    except Exception as error:
        if not hasattr(error, "format_message"):  # no usage error: click's, or those of typer's own copy of click
            raise
        from limner.cli.terminal import print_json  # noqa: PLC0415 - it takes a tenth of a second

        suggestion = "See `limner --help`, or --help of the command."
        print_json({"error": {"reason": error.format_message(), "suggestion": suggestion}})
        sys.exit(getattr(error, "exit_code", 2))
    except typer.Abort:
        sys.exit(1)


if __name__ == "__main__":
    main()
