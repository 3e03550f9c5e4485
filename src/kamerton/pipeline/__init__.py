"""The stage graph: plan, hash, skip, resume. It knows names and hashes, and no platform."""
