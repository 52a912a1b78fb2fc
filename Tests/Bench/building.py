# SPDX-License-Identifier: Apache-2.0
"""What it costs a build to be held to what an earlier one needed: `ebpfguard enforce ci.policy --report out.sarif -- make`.

One makefile and many small files of C, compiled one after the other: each is a shell, a compiler and what it starts. The
build alone and the same held take turns; medians are compared. Start and end of the tool are part of it.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

MAKEFILE = """
objects := $(patsubst %.c,%.o,$(wildcard *.c))
all: $(objects)
%.o: %.c
	@$(CC) -O1 -c -o $@ $< && echo $< >> compiled
"""


def build(directory, prefix=()):
    """Seconds of a build from nothing."""
    for name in os.listdir(directory):
        if name.endswith(".o") or name == "compiled":
            os.remove(os.path.join(directory, name))
    begin = time.monotonic()
    done = subprocess.run([*prefix, "make"], cwd=directory, capture_output=True, timeout=300)
    seconds = time.monotonic() - begin
    if done.returncode:
        sys.exit(f"building: {' '.join(prefix)} make: {done.stderr.decode()[-300:]}")
    return seconds


def main():
    parser = argparse.ArgumentParser(prog="building")
    parser.add_argument("--programs", required=True)
    parser.add_argument("--tool", required=True)
    parser.add_argument("--quick", action="store_true")
    options, _ = parser.parse_known_args()
    compiler = shutil.which("cc") or shutil.which("clang")
    if not shutil.which("make") or not compiler:
        print("\nNo build is measured: there is no make or no compiler.")
        return
    os.environ["CC"] = compiler
    rounds, files = (3, 40) if options.quick else (9, 100)
    with tempfile.TemporaryDirectory() as scratch:
        source, base, policy = (os.path.join(scratch, name) for name in ("source", "base.policy", "ci.policy"))
        os.mkdir(source)
        with open(os.path.join(source, "Makefile"), "w", encoding="ascii") as file:
            file.write(MAKEFILE)
        for number in range(files):
            with open(os.path.join(source, f"unit{number}.c"), "w", encoding="ascii") as file:
                file.write(f"#include <stdio.h>\nint unit{number}(void) {{ return printf(\"%d\\n\", {number}); }}\n")
        with open(base, "w", encoding="ascii") as file:
            file.write("default net deny\ndefault exec kill\n")
        subprocess.run(
            [options.tool, "enforce", "-q", "--dry-run", "--learn", policy, base, "--", "make"],
            cwd=source, capture_output=True, timeout=300)
        held = [options.tool, "enforce", "-q", base, policy, "--report", os.path.join(scratch, "out.sarif"), "--"]
        alone, with_policy = [], []
        for _ in range(rounds):
            alone.append(build(source))
            with_policy.append(build(source, held))
        first, second = statistics.median(alone), statistics.median(with_policy)
        print(f"\nA build of {files} files of C, {rounds} rounds: alone {first:.2f} s, held to the policy that it needs and with a "
              f"report {second:.2f} s: {second / first:.2f} ×")


if __name__ == "__main__":
    main()
