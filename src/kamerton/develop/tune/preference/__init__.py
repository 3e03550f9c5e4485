"""Learning from preferences: DPO from pairs, KTO from good and bad answers."""
