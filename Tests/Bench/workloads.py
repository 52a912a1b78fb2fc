# SPDX-License-Identifier: Apache-2.0
"""What naming the container of each event costs: the same programs in a cgroup that is no container's, and in one of a pod.

One run of `trace -o json` watches both, in turn. Prints what an exec takes in either and what the tool uses for it.
"""

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import tempfile

import measure

ID, UID = "0123456789abcdef" * 4, "1b4e28ba-2fa1-11d2-883f-0016d3cca427"


def cgroup_mount():
    with open("/proc/self/mountinfo") as mounts:
        for line in mounts:
            if re.search(r" - cgroup2 ", line):
                return line.split()[4]
    sys.exit("workloads: no cgroup2 hierarchy is mounted")


def write_names(root):
    """What containerd leaves of the container."""
    directory = os.path.join(root, "run/containerd/io.containerd.runtime.v2.task/k8s.io", ID)
    os.makedirs(directory)
    key = "io.kubernetes.cri."
    names = {"container-name": "api", "container-type": "container", "image-name": "registry.example/api:1.2",
             "sandbox-name": "api-7c9f", "sandbox-namespace": "payments", "sandbox-uid": UID}
    with open(os.path.join(directory, "config.json"), "w") as file:
        json.dump({"annotations": {key + name: value for name, value in names.items()}}, file)


def run_load(cgroup, count):
    """The ns of each exec."""
    def enter():
        with open(os.path.join(cgroup, "cgroup.procs"), "w") as file:
            file.write("0")

    words = subprocess.run([measure.GENERATE, str(measure.LOAD_CPU), "exec", str(count)], capture_output=True, check=True,
                           preexec_fn=enter).stdout.split()
    return list(map(float, words[1:]))


def main():
    parser = argparse.ArgumentParser(prog="workloads")
    parser.add_argument("--programs", required=True)
    parser.add_argument("--tool", required=True)
    parser.add_argument("--quick", action="store_true")
    options, _ = parser.parse_known_args()
    measure.GENERATE = os.path.join(options.programs, "generate")
    count, rounds = (1500, 6) if options.quick else (3000, 20)
    outer = os.path.join(cgroup_mount(), f"bench.{os.getpid()}")
    cgroups = {"no container": os.path.join(outer, "plain.service"), "a pod": os.path.join(outer, f"cri-containerd-{ID}.scope")}
    times = {name: [] for name in cgroups}
    reader = {name: [] for name in cgroups}
    for path in (outer, *cgroups.values()):
        os.mkdir(path)
    try:
        with tempfile.TemporaryDirectory() as root:
            write_names(root)
            path = os.path.join(root, "lines")
            tool = measure.Tool("ebpfguard", [options.tool, "trace", "-o", "json", "--root", root], says_ready=True)
            with open(path, "wb") as output, tool.start(output) as child:
                child.watchdog.cancel()
                for _ in range(rounds):
                    for name, cgroup in cgroups.items():
                        before = child.cpu_and_sleeps()[0]
                        times[name] += run_load(cgroup, count)
                        measure.time.sleep(0.05)
                        reader[name].append((child.cpu_and_sleeps()[0] - before) / count)
                child.process.send_signal(signal.SIGTERM)
                child.process.wait(measure.LIMIT)
            with open(path, "rb") as lines:
                named = sum(b'"action":"exec"' in line and b'"api-7c9f"' in line for line in lines)
    finally:
        for path in (*cgroups.values(), outer):
            os.rmdir(path)
    print(f"\nThe container of an exec, JSON, {rounds} x {count:,} execs each; {named:,} have the pod's name:")
    for name in cgroups:
        print(f"  {name:<13} fork+exec+exit {measure.percentile(times[name], 0.02) / 1e3:7.2f} us, "
              f"reader's CPU {1e6 * measure.median(reader[name]):6.2f} us")
    none, pod = ((measure.percentile(times[name], 0.02), measure.median(reader[name])) for name in cgroups)
    print(f"  {pod[0] / none[0]:.3f} x for the program; {pod[1] / none[1]:.2f} x for the reader")


main()
