# SPDX-License-Identifier: Apache-2.0
"""What counting every system call of the host costs: `trace --syscalls --summary` beside a bare program that counts.

The load makes 5,000,000 getppid calls. The tools take turns, and each stands between two runs of the load alone; of each
the best run counts, because whatever else the machine does can only add. Prints what each adds to a call, and ratios.
"""

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time

CPUS = sorted(os.sched_getaffinity(0))
TOOL_CPU, LOAD_CPU = CPUS[0], CPUS[-1]
GETPPID = 110 if os.uname().machine == "x86_64" else 173


def run_load(generate, count):
    """The ns of a call: the least of the means of each 1000."""
    words = subprocess.run([generate, str(LOAD_CPU), "getppid", str(count)], capture_output=True, check=True).stdout.split()
    return sorted(map(float, words[1:]))[len(words) // 50]


def start(command, output):
    errors = tempfile.TemporaryFile()
    child = subprocess.Popen(["taskset", "-c", str(TOOL_CPU), *command], stdout=output, stderr=errors,
                             stdin=subprocess.DEVNULL)
    deadline = time.monotonic() + 20
    while not re.search(rb"^watching", os.pread(errors.fileno(), 1 << 16, 0), re.M):
        if child.poll() is not None or time.monotonic() > deadline:
            child.kill()
            sys.exit(f"counting: {command[0]} does not watch: {os.pread(errors.fileno(), 400, 0).decode()}")
        time.sleep(0.01)
    return child


def counted(name, path):
    """How many getppid calls the tool counted."""
    with open(path) as lines:
        for line in lines:
            if name.startswith("ebpfguard"):
                row = json.loads(line)["ebpfguard"]
                if row["syscall"]["name"] == "getppid" and row["syscall"]["abi"] in ("x86-64", "arm64"):
                    return row["summary"]["calls"]
            elif line.split()[0] == str(GETPPID):
                return int(line.split()[1])
    return 0


def main():
    parser = argparse.ArgumentParser(prog="counting")
    parser.add_argument("--programs", required=True)
    parser.add_argument("--tool", required=True)
    parser.add_argument("--quick", action="store_true")
    options, _ = parser.parse_known_args()
    generate, count = (os.path.join(options.programs, name) for name in ("generate", "count"))
    calls, rounds = (5_000_000, 3) if options.quick else (5_000_000, 8)
    tools = {
        "a bare program, calls and errors": [count],
        "a bare program, with time": [count, "--time"],
        "ebpfguard --syscalls --summary": [options.tool, "trace", "--syscalls", "--summary", "-o", "json"],
    }
    best = {name: float("inf") for name in tools}
    seen = {}
    alone = float("inf")
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "counts")
        for _ in range(rounds):
            for name, command in tools.items():
                alone = min(alone, run_load(generate, calls // 5))
                with open(path, "w") as output:
                    child = start(command, output)
                    best[name] = min(best[name], run_load(generate, calls))
                    child.send_signal(signal.SIGTERM)
                    if child.wait(20) not in (0, -signal.SIGTERM):
                        sys.exit(f"counting: {name} failed")
                seen[name] = counted(name, path)
    print(f"\nCounting {calls:,} getppid calls of {alone:.0f} ns:")
    for name in tools:
        print(f"  {name:<34} adds {best[name] - alone:6.0f} ns a call, counted {seen[name]:,}")
    ours = best["ebpfguard --syscalls --summary"] - alone
    for name, limit in (("a bare program, with time", 1.3), ("a bare program, calls and errors", None)):
        ratio = ours / (best[name] - alone)
        verdict = "" if limit is None else " holds " if ratio <= limit else " MISSED"
        print(f"  {ratio:.2f} x {name}" + (f", budget {limit}:{verdict}" if limit else ""))


main()
