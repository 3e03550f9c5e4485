"""Runs untrusted code in boxes that are used once; where none can be put up, it refuses."""

from kamerton.sandbox.judge import Agree, Checked, Job, check, check_all, close_enough, compare
from kamerton.sandbox.limits import Completed, Limit, Limits
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
    "Completed",
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
