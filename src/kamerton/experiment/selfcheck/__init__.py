"""Known truth, derived again on this machine: figures of papers, libraries, published solutions."""

from kamerton.experiment.selfcheck.comparison import Comparison, Setting, folder
from kamerton.experiment.selfcheck.run import CHECKS, figures, notes, rows, run

__all__ = ["CHECKS", "Comparison", "Setting", "figures", "folder", "notes", "rows", "run"]
