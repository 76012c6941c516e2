"""`python -m limner` and the `limner` command."""

from limner.cli.app import app


def main() -> None:
    app()


if __name__ == "__main__":
    main()
