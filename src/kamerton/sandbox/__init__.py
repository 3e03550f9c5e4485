"""Runs code that nobody trusts, in boxes that are used once; where none can be had, it refuses."""

from kamerton.sandbox.judge import Agree, Checked, Job, check, check_all, close_enough, compare
from kamerton.sandbox.limits import Ended, Limit, Limits
from kamerton.sandbox.pool import Pool
from kamerton.sandbox.program import available, require, run, run_file
from kamerton.sandbox.session import CODE, BoxEnded, Called, CandidateError, Result, Session, call

__all__ = [
    "CODE",
    "Agree",
    "BoxEnded",
    "Called",
    "CandidateError",
    "Checked",
    "Ended",
    "Job",
    "Limit",
    "Limits",
    "Pool",
    "Result",
    "Session",
    "available",
    "call",
    "check",
    "check_all",
    "close_enough",
    "compare",
    "require",
    "run",
    "run_file",
]
