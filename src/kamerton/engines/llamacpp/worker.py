"""llama.cpp's server in a process of its own, by the rules of `engines.child`."""

import json
import sys

_WARNINGS = 2
"""llama.cpp's verbosity: no line for each request, in a log that nobody rotates."""


def main() -> None:
    """Load, tell the address, wait for the end of standard input."""
    import xllamacpp

    settings = json.loads(sys.stdin.readline())
    params = xllamacpp.CommonParams()
    params.model.path = settings["model"]
    infos = [xllamacpp.CommonAdapterLoraInfo(path, 1.0) for path in settings["adapters"].values()]
    params.lora_adapters = infos
    params.lora_init_without_apply = True
    params.n_parallel = settings["slots"]
    params.n_ctx = settings["context"] * settings["slots"]
    # The RAM cache has no adapter in its key: it would hand one arm's state to another.
    params.cache_ram_mib = 0
    params.cpuparams.n_threads = settings["threads"]
    params.cpuparams_batch.n_threads = settings["threads"]
    # Threads that wait do not spin: a busy neighbour costs half, not five sixths (decision 0001).
    params.cpuparams.poll = params.cpuparams_batch.poll = 0
    params.cors_origins = ""
    params.api_keys = [settings["key"]]
    params.verbosity = _WARNINGS
    try:
        server = xllamacpp.Server(params)
    except RuntimeError as error:
        sys.exit(str(error))  # what the library itself printed stands above it
    sys.stdout.write(json.dumps({"address": server.listening_address}) + "\n")
    sys.stdout.flush()
    sys.stdin.read()


if __name__ == "__main__":
    main()
