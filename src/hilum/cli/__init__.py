"""Words on a terminal: each command is a module of its own, imported when it is typed."""

from hilum.cli.app import main

__all__ = ["main"]
