"""Ready rows for supervised tuning: read in any form or written by a teacher, filtered, split."""
