"""Known truth, derived again on this machine: figures of papers, libraries, published solutions."""

from kamerton.experiment.selfcheck.found import Found, Setting, folder
from kamerton.experiment.selfcheck.run import CHECKS, run
from kamerton.experiment.selfcheck.table import figures, notes, rows

__all__ = ["CHECKS", "Found", "Setting", "figures", "folder", "notes", "rows", "run"]
