"""llama.cpp: slots, adapter scales and cache rules stay in this folder."""
