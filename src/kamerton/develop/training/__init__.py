"""What every training run stands on: repeatable, resumable, checked, measured."""
