# SPDX-License-Identifier: Apache-2.0
"""What watching opens costs: `watch-files` beside a bare program at the same hooks, opensnoop and bpftrace's.

The load opens and closes one file, again and again: matched, left out by a path that is somebody else's, and without any
choice. The tools take turns, as in connecting.py.
"""

import argparse
import os

import connecting


def main():
    parser = argparse.ArgumentParser(prog="opening")
    parser.add_argument("--programs", required=True)
    parser.add_argument("--tool", required=True)
    parser.add_argument("--quick", action="store_true")
    options, _ = parser.parse_known_args()
    programs = os.path.realpath(options.programs)
    rounds, count = (3, 10_000) if options.quick else (9, 20_000)
    watch = [options.tool, "watch-files"]
    tools = {
        "floor": ([os.path.join(programs, "open")], True),
        "watch-files": (watch, True),
        "watch-files json": ([*watch, "-o", "json"], True),
        "watch-files DIR": ([*watch, programs], True),
        "watch-files /nowhere": ([*watch, "/nowhere"], True),
        "opensnoop": (["opensnoop"], False),
        "bpftrace": (["opensnoop.bt"], False),
    }
    path = os.path.join(programs, "program")
    measured = connecting.measure(os.path.join(programs, "generate"), "open", tools, rounds, count, path.encode())
    connecting.print_table("An open and its close", tools, count, *measured)


if __name__ == "__main__":
    main()
