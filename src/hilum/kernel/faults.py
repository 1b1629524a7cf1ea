"""Faults of ours in words that are safe to log: what kind and where, never an error's text."""

import traceback
from pathlib import PurePath


def place_of(error: BaseException) -> str:
    """Tell where `error` was raised, as file and line."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{PurePath(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "?"
