# SPDX-License-Identifier: Apache-2.0
"""What a policy costs whoever is held to it: `enforce` with few rules and with many, and with a detector.

The load is the program that is held, and connects, sends, starts programs or opens files. The policies take turns, and each stands between two runs
without one. Nothing is against what the load does, so that each decision is a whole one. Of all samples the lowest
hundredths count, of the operations that nothing else disturbed.
"""

import argparse
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time

LOAD_CPU = sorted(os.sched_getaffinity(0))[-1]
MANY = 100_000


def networks(count):
    """Of the lengths that lists of networks have, and never the one that the load is in."""
    numbers = random.Random(count)
    first = [number for number in range(1, 224) if number != 127]
    return {f"deny net {numbers.choice(first)}.{numbers.randrange(256)}.{numbers.randrange(256)}.{numbers.randrange(256)}"
            f"/{numbers.choice((16, 20, 24, 24, 24, 32))}" for _ in range(count)}


def names(count):
    return {f"deny net host{number}.example{number % 97}.net" for number in range(count)}


def files(count, verb):
    """By names, which are looked up for each file; none of them is one that the load has."""
    return {f"{verb} **/file{number}" for number in range(count)}


def is_held(tool, rule):
    """Whether this host can: files are held by BPF LSM alone."""
    return not subprocess.run([tool, "enforce", "--check-policy", "--rule", rule], capture_output=True).returncode


def run(command, kind, count):
    """The ns of each operation, sorted, and the seconds from the start to the first."""
    generate, *tool = command
    begin = time.monotonic()
    done = subprocess.run([*tool, generate, str(LOAD_CPU), kind, str(count)], capture_output=True, timeout=120)
    words = (done.stderr if tool else done.stdout).split()
    if done.returncode or len(words) < count:
        sys.exit(f"deciding: {' '.join(command)}: {done.stderr.decode()[-300:]}")
    samples = sorted(map(float, words[-count:]))
    return samples, time.monotonic() - begin - sum(samples) / 1e9


def low(samples):
    return samples[len(samples) // 50]


def main():
    parser = argparse.ArgumentParser(prog="deciding")
    parser.add_argument("--programs", required=True)
    parser.add_argument("--tool", required=True)
    parser.add_argument("--quick", action="store_true")
    options, _ = parser.parse_known_args()
    generate = os.path.join(options.programs, "generate")
    rounds, count = (5, 3000) if options.quick else (15, 5000)
    with tempfile.TemporaryDirectory() as scratch:
        policies = {}
        network = {
            "10 networks": networks(10), f"{MANY:,} networks": networks(MANY), "10 names": names(10),
            f"{MANY:,} names": names(MANY), "a detector": ["deny detect miner"],
        }
        programs = {"10 programs": files(10, "kill exec"), f"{MANY:,} programs": files(MANY, "kill exec")}
        opened = {"10 files": files(10, "deny file read"), f"{MANY:,} files": files(MANY, "deny file read")}
        if not is_held(options.tool, "deny file read /none"):
            opened = {}
        for name, rules in {**network, **programs, **opened}.items():
            path = os.path.join(scratch, name.replace(" ", "-"))
            with open(path, "w", encoding="ascii") as file:
                file.write("\n".join(rules) + "\n")
            policies[name] = [generate, options.tool, "enforce", "-q", path, "--"]
        for kind, what, group in (
            ("connect", "A connection", network), ("datagram", "A datagram (send and recv)", network),
            ("exec", "A program (fork, exec, exit)", programs), ("open", "An open", opened),
        ):
            if not group:
                print(f"\n{what} is not held here: there is no BPF LSM.")
                continue
            held = {name: [] for name in group}
            starts = {name: [] for name in group}
            alone, _ = run([generate], kind, count)
            first = low(alone)
            for _ in range(rounds):
                for name in group:
                    command = policies[name]
                    samples, start = run(command, kind, count)
                    after, _ = run([generate], kind, count)
                    held[name].append(low(samples) - (low(alone) + low(after)) / 2)
                    starts[name].append(start)
                    alone = after
            print(f"\n{what} takes {first / 1e3:.2f} µs alone; what being held to a policy adds:")
            print(f"{'':<20}{'added (µs)':>12}{'whole ÷ 10 rules':>18}{'start (ms)':>12}")
            medians = {name: statistics.median(values) for name, values in held.items()}
            for name in group:
                few = name.replace(f"{MANY:,}", "10")
                ratio = f"{(first + medians[name]) / (first + medians[few]):.2f} ×" if few in medians and few != name else "-"
                print(f"{name:<20}{medians[name] / 1e3:>12.2f}{ratio:>18}{statistics.median(starts[name]) * 1e3:>12.0f}")


if __name__ == "__main__":
    main()
