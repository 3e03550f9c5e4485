"""Runs untrusted code in boxes that are used once; where none can be put up, it refuses."""

from kamerton.sandbox.held import CandidateError, Held
from kamerton.sandbox.limits import Completed, Limit, Limits
from kamerton.sandbox.program import available, require, run, run_file
from kamerton.sandbox.session import (
    CODE,
    BoxEnded,
    BrokenAnswer,
    Session,
    error_line,
)

__all__ = [
    "CODE",
    "BoxEnded",
    "BrokenAnswer",
    "CandidateError",
    "Completed",
    "Held",
    "Limit",
    "Limits",
    "Session",
    "available",
    "error_line",
    "require",
    "run",
    "run_file",
]
