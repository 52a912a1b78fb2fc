# SPDX-License-Identifier: Apache-2.0
"""What watching connections and UDP costs: `watch-net` beside a bare program at the same hooks, and other tools.

The load connects, accepts and closes both sides, one connection after another; then it sends and receives datagrams. The tools take turns, and each stands
between two runs of the load alone. Of all samples the lowest hundredths count, of the operations that nothing else
disturbed; the median stands beside it.
"""

import argparse
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time

CPUS = sorted(os.sched_getaffinity(0))
TOOL_CPU, LOAD_CPU = CPUS[0], CPUS[-1]


def run_load(generate, kind, count):
    """The ns of each connection or datagram, sorted."""
    words = subprocess.run([generate, str(LOAD_CPU), kind, str(count)], capture_output=True, check=True,
                           timeout=60).stdout.split()
    return sorted(map(float, words[1:]))


def low(samples):
    return samples[len(samples) // 50]


def start(command, output, says_ready):
    errors = tempfile.TemporaryFile()
    child = subprocess.Popen(["taskset", "-c", str(TOOL_CPU), *command], stdout=output, stderr=errors,
                             stdin=subprocess.DEVNULL)
    begin = time.monotonic()
    # The others do not say when they watch.
    while time.monotonic() < begin + (20 if says_ready else 1.5):
        if child.poll() is not None:
            if says_ready:
                sys.exit(f"connecting: {command[0]} ended: {os.pread(errors.fileno(), 400, 0).decode()}")
            return None  # it needs kprobes, for one
        if says_ready and re.search(rb"^watching", os.pread(errors.fileno(), 1 << 16, 0), re.M):
            break
        time.sleep(0.01)
    return child


def measure(generate, kind, tools, rounds, count, mark=b"127.0.0.1"):
    """What each tool adds, by the lowest samples and by medians, and the lines with `mark` it prints about the load."""
    added = {name: [] for name in tools}
    medians = {name: [] for name in tools}
    lines = {name: 0 for name in tools}
    alone = run_load(generate, kind, count)
    first = low(alone)
    with tempfile.TemporaryDirectory() as scratch:
        path = os.path.join(scratch, "lines")
        for _ in range(rounds):
            for name, (command, says_ready) in list(tools.items()):
                with open(path, "wb") as output:
                    child = start(command, output, says_ready)
                    if not child:
                        print(f"{name} does not run on this kernel")
                        del tools[name]
                        continue
                    time.sleep(1.2)  # ebpfguard has the kernel count what its programs cost for the first second
                    during = run_load(generate, kind, count)
                    time.sleep(0.1)
                    child.send_signal(signal.SIGINT)
                    try:
                        child.wait(5)
                    except subprocess.TimeoutExpired:
                        child.kill()
                        child.wait()
                with open(path, "rb") as file:
                    lines[name] = max(lines[name], sum(mark in line for line in file))
                after = run_load(generate, kind, count)
                added[name].append(low(during) - (low(alone) + low(after)) / 2)
                medians[name].append(statistics.median(during) - statistics.median(alone + after))
                alone = after
    return first, added, medians, lines


def print_table(what, tools, count, first, added, medians, lines):
    width = max(18, *(len(name) + 1 for name in tools))
    print(f"\n{what} takes {first / 1e3:.1f} µs alone; what watching adds:")
    print(f"{'':<{width}}{'added (µs)':>12}{'by medians':>12}{'÷ floor':>9}{'lines each':>12}")
    floor = statistics.median(added["floor"])
    for name in tools:
        value = statistics.median(added[name])
        ratio = f"{value / floor:.2f} ×" if floor > 0 else "-"
        print(f"{name:<{width}}{value / 1e3:>12.2f}{statistics.median(medians[name]) / 1e3:>12.2f}{ratio:>9}"
              f"{lines[name] / count:>12.2f}")


def main():
    parser = argparse.ArgumentParser(prog="connecting")
    parser.add_argument("--programs", required=True)
    parser.add_argument("--tool", required=True)
    parser.add_argument("--quick", action="store_true")
    options, _ = parser.parse_known_args()
    generate = os.path.join(options.programs, "generate")
    ours = {
        "ebpfguard": ([options.tool, "watch-net"], True),
        "ebpfguard json": ([options.tool, "watch-net", "-o", "json"], True),
    }
    per_packet = "tracepoint:net:net_dev_queue, tracepoint:net:netif_receive_skb { @[pid] = sum(args->len); }"
    loads = {
        "connect": ("A connection (connect, accept, close of both sides)", {
            "floor": ([os.path.join(options.programs, "connect")], True), **ours,
            "tcpconnect": (["tcpconnect"], False), "tcplife": (["tcplife"], False),
        }),
        "datagram": ("A datagram (send and recv)", {
            "floor": ([os.path.join(options.programs, "datagram")], True), **ours,
            "bpftrace": (["bpftrace", "-e", per_packet], False),
        }),
    }
    for kind, (what, tools) in loads.items():
        rounds, count = (3, 2000) if options.quick else (9, 4000)
        if kind == "datagram":
            count *= 5
        print_table(what, tools, count, *measure(generate, kind, tools, rounds, count))


if __name__ == "__main__":
    main()
