"""Problems that a person can do something about."""

from __future__ import annotations


class LocalError(Exception):
    """One line that says what is wrong and what to do. Shown without a traceback."""
