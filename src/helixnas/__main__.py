"""`python -m helixnas`: the command line, where the `helixnas` script is not on the path."""

from helixnas.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
