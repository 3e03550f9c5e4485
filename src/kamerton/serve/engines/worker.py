"""The engine's own process: llama.cpp's server, alive as long as whoever started it.

Run as `python -m kamerton.serve.engines.worker SETTINGS` with settings as JSON. It prints one
line of JSON with its address, and ends when its standard input closes: a parent that dies, by
kill -9 too, leaves no orphan.
"""

import json
import sys


def main() -> None:
    """Load, tell the address, wait for the end of standard input."""
    import xllamacpp

    settings = json.loads(sys.argv[1])
    params = xllamacpp.CommonParams()
    params.model.path = settings["base"]
    infos = [xllamacpp.CommonAdapterLoraInfo(path, 1.0) for path in settings["adapters"]]
    params.lora_adapters = infos
    params.lora_init_without_apply = True
    params.n_parallel = settings["slots"]
    params.n_ctx = settings["context"] * settings["slots"]
    # The RAM cache has no adapter in its key: it would hand one arm's state to another.
    params.cache_ram_mib = 0
    params.cpuparams.n_threads = settings["threads"]
    params.cpuparams_batch.n_threads = settings["threads"]
    params.cors_origins = ""
    server = xllamacpp.Server(params)
    sys.stdout.write(json.dumps({"address": server.listening_address}) + "\n")
    sys.stdout.flush()
    sys.stdin.read()


if __name__ == "__main__":
    main()
