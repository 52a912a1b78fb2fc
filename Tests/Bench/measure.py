# SPDX-License-Identifier: Apache-2.0
"""Measures what watching processes costs; called by `bench`, which builds what this needs.

A and B in one run: the tools take turns, and each stands between two runs of the load without any tool, so that a
machine that does other work too costs rounds, not truth. The load has one CPU, the tool another. Absolute times say
little; read the ratios.
"""

import argparse
import fcntl
import os
import pty
import re
import select
import shutil
import signal
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time

MARK = re.compile(rb"bench-mark-(\d+)-\d+")
CPUS = sorted(os.sched_getaffinity(0))
TOOL_CPU, LOAD_CPU = CPUS[0], CPUS[-1]
LIMIT = 20  # seconds that any one child may take
NOISE = 5.0  # ns: differences of a system call below it are none


class Broken(Exception):
    """The benchmark itself, or a tool that it runs, failed."""


class Child:
    """A process of ours: on its CPU, killed when it outlives LIMIT, never left behind."""

    def __init__(self, command, cpus, **options):
        os.sched_setaffinity(0, cpus)
        self.born = time.monotonic()
        try:
            self.process = subprocess.Popen(command, **options)
        finally:
            os.sched_setaffinity(0, CPUS)
        self.pid = self.process.pid
        self.watchdog = threading.Timer(LIMIT, self.process.kill)
        self.watchdog.daemon = True
        self.watchdog.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.watchdog.cancel()
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe:
                pipe.close()

    def interrupt(self):
        """SIGINT → gone, in seconds. The wait blocks: one with a time limit would look only now and then."""
        begin = time.monotonic()
        self.process.send_signal(signal.SIGINT)
        self.process.wait()
        return time.monotonic() - begin

    def proc(self, name):
        with open(f"/proc/{self.pid}/{name}") as file:
            return file.read()

    def status(self, key):
        return int(re.search(rf"^{key}:\s+(\d+)", self.proc("status"), re.M).group(1))

    def cpu_and_sleeps(self):
        """Seconds of CPU, and how often a thread went to sleep (as often it was woken)."""
        ran = sleeps = 0
        for task in os.listdir(f"/proc/{self.pid}/task"):
            ran += int(self.proc(f"task/{task}/schedstat").split()[0])
            sleeps += int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", self.proc(f"task/{task}/status"), re.M)[1])
        return ran / 1e9, sleeps


class Tool:
    def __init__(self, name, command, says_ready=False, executable=None):
        self.name, self.command, self.says_ready = name, command, says_ready
        self.executable = executable or command[0]
        self.settle = 2.0  # seconds until it surely watches; replaced by what was measured

    def start(self, output, cpus=(TOOL_CPU,)):
        """Runs it with stdout going to `output`, and returns when it watches."""
        errors = tempfile.TemporaryFile()
        child = Child(self.command, cpus, stdin=subprocess.DEVNULL, stdout=output, stderr=errors)
        try:
            # The others do not say when they watch: their time from exec to first line, and half of that again.
            deadline = child.born + (LIMIT if self.says_ready else self.settle)
            while time.monotonic() < deadline:
                if child.process.poll() is not None:
                    break
                if self.says_ready and re.search(rb"^watching", read_at_start(errors), re.M):
                    break
                time.sleep(0.01)
            if child.process.poll() is not None:
                raise Broken(f"{self.name} ended at once: {read_at_start(errors).decode(errors='replace').strip()}")
        except BaseException:
            child.__exit__()
            raise
        return child


def read_at_start(file):
    return os.pread(file.fileno(), 1 << 16, 0)


def load(*words, cpu=LOAD_CPU):
    """A load from generate.c, running."""
    return Child([GENERATE, str(cpu), *map(str, words)], CPUS, stdout=subprocess.PIPE)


def finish(child):
    """Waits for a load: how many operations, and the ns of each."""
    words = child.process.stdout.read().split()
    if child.process.wait() != 0 or not words:
        raise Broken("the load failed")
    return int(words[0]), list(map(float, words[1:]))


def run_load(*words):
    with load(*words) as child:
        return finish(child)


median = statistics.median


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def flat(lists):
    return [value for values in lists for value in values]


class Added:
    """Samples with the tool, and without it just before and after: the difference, in ns.

    By the lowest hundredths of all samples, of the operations that nothing else disturbed. On a busy machine those
    repeat to some percent of the difference, where means and medians do not repeat to its order of magnitude. What
    strikes only some operations is not in it: that is why wake-ups and the reader's CPU stand beside it.
    """

    def __init__(self):
        self.rounds = []

    def add(self, before, during, after):
        self.rounds.append((during, before + after))

    def difference(self, rounds, share):
        return (percentile(flat(during for during, _ in rounds), share)
                - percentile(flat(without for _, without in rounds), share))

    def value(self, share=0.02):
        return self.difference(self.rounds, share)

    def error(self):
        """Standard error: how much groups of rounds differ."""
        count = max(2, min(5, len(self.rounds) // 2))
        parts = [self.difference(self.rounds[start::count], 0.02) for start in range(count)]
        return statistics.stdev(parts) / count ** 0.5


class Terminal:
    """A pseudoterminal, as a person would read it: tools that buffer a pipe write to it line by line."""

    def __init__(self):
        self.ours, self.theirs = pty.openpty()
        fcntl.ioctl(self.theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 4000, 0, 0))  # no line is cut or wrapped

    def read(self, until, stop=lambda data: False):
        """What comes until that time, or until `stop`: [(time, bytes)]."""
        chunks = []
        while (left := until - time.monotonic()) > 0:
            if select.select([self.ours], [], [], left)[0]:
                data = os.read(self.ours, 1 << 16)
                chunks.append((time.monotonic(), data))
                if stop(data):
                    break
        return chunks

    def end(self, child):
        """Ends the tool while reading what it still writes."""
        child.process.send_signal(signal.SIGINT)
        while child.process.poll() is None:
            self.read(time.monotonic() + 0.02)

    def close(self):
        os.close(self.ours)
        os.close(self.theirs)


# What is measured. Each function fills its rows of the table.

def put(row, tool, value, error=None):
    results[row][tool], errors[row][tool] = value, error


def measure_start(tools, rounds):
    """exec of the tool → the first line about an event, while programs start one after another."""
    times = {tool: [] for tool in tools}
    for _ in range(rounds):
        for tool in tools:
            terminal = Terminal()
            with load("exec", 1000000):
                time.sleep(0.02)
                with Child(tool.command, (TOOL_CPU,), stdin=subprocess.DEVNULL, stdout=terminal.theirs,
                           stderr=subprocess.DEVNULL) as child:
                    seen = terminal.read(child.born + LIMIT, lambda data: MARK.search(data) is not None)
                    if not seen or not MARK.search(seen[-1][1]):
                        raise Broken(f"{tool.name} showed no event")
                    times[tool].append(seen[-1][0] - child.born)
                    terminal.end(child)
            terminal.close()
    for tool in tools:
        tool.settle = 1.5 * max(times[tool]) + 0.1
        put("exec of the tool → first line (ms)", tool, 1e3 * median(times[tool]),
            1e3 * 1.25 * statistics.stdev(times[tool]) / rounds ** 0.5)


def measure_cost(tools, rounds, count):
    """What fork+exec+exit and an unrelated system call cost more while the tool watches; what the tool itself uses."""
    loads = {"exec": count, "getppid": 300000}
    added = {tool: {kind: Added() for kind in loads} for tool in tools}
    reader = {tool: [] for tool in tools}
    ends = {tool: [] for tool in tools}
    memory = {tool: 0 for tool in tools}
    path = os.path.join(SCRATCH, "lines")

    def alone():
        return {kind: run_load(kind, loads[kind])[1] for kind in loads}

    before = alone()
    for number in range(max(map(rounds, tools))):
        for tool in [tool for tool in tools if number < rounds(tool)]:
            with open(path, "wb") as output, tool.start(output) as child:
                cpu, sleeps = child.cpu_and_sleeps()
                during = {"exec": run_load("exec", count)[1]}
                time.sleep(0.02)
                cpu_after, sleeps_after = child.cpu_and_sleeps()
                during["getppid"] = run_load("getppid", loads["getppid"])[1]
                memory[tool] = max(memory[tool], child.status("VmHWM"))
                ends[tool].append(child.interrupt())
            reader[tool].append(((cpu_after - cpu) / count, (sleeps_after - sleeps) / count))
            if not marks(path):
                raise Broken(f"{tool.name} saw nothing: it did not watch yet, or not any more")
            after = alone()
            for kind in loads:
                added[tool][kind].add(before[kind], during[kind], after[kind])
            before = after
    for tool in tools:
        exec_, getppid = added[tool]["exec"], added[tool]["getppid"]
        put("added per fork+exec+exit (µs)", tool, exec_.value() / 1e3, exec_.error() / 1e3)
        put("  the same by the medians", tool, exec_.value(0.5) / 1e3)
        put("added per getppid (ns)", tool, getppid.value(), getppid.error())
        put("  reader's CPU per fork+exec+exit (µs)", tool, 1e6 * median(cpu for cpu, _ in reader[tool]))
        put("  reader's wake-ups per fork+exec+exit", tool, median(sleeps for _, sleeps in reader[tool]))
        put("SIGINT → gone (ms)", tool, 1e3 * median(ends[tool]))
        put("peak memory, light load (MB)", tool, memory[tool] / 1e3)
    alone_notes.append("fork+exec+exit {:.1f} µs, getppid {:.1f} ns".format(
        percentile(before["exec"], 0.02) / 1e3, percentile(before["getppid"], 0.02)))


def measure_programs(tools, rounds, count):
    """Time inside the BPF programs, from the kernel's own statistics, the least of all rounds: no wake-up is in it."""
    with Child([FLOOR, "--programs"], CPUS, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as lister:
        lister.watchdog.cancel()  # it lives as long as this section; each tool has its own limit

        def programs():
            lister.process.stdin.write(b"\n")
            lister.process.stdin.flush()
            found = {}
            while (line := lister.process.stdout.readline().decode()) not in ("\n", ""):
                number, runs, ns, name = line.rstrip("\n").split(" ", 3)
                found[number] = (int(runs), int(ns), name)
            return found

        least = {}
        for number in range(max(map(rounds, tools))):
            for tool in [tool for tool in tools if number < rounds(tool)]:
                others = programs()
                with tool.start(subprocess.DEVNULL) as child:
                    before = programs()
                    run_load("exec", count)
                    after = programs()
                    child.interrupt()
                found = []
                for key in before.keys() & after.keys() - others.keys():
                    runs, ns = (after[key][field] - before[key][field] for field in (0, 1))
                    if runs:
                        found.append((ns / count, runs / count, ns / runs, after[key][2]))
                total = sum(share for share, *_ in found) / 1e3
                if total < least.get(tool, float("inf")):
                    least[tool], programs_of[tool] = total, found
        for tool in tools:
            put("  of it in its BPF programs (µs)", tool, least[tool])


def measure_latency(tools, count):
    """From just before an exec to its line on the terminal, of single programs and in a stream."""
    for tool in tools:
        for row, many, micros in (("exec → its line, one at a time (ms)", count, 25000),
                                  ("exec → its line, in a stream (ms)", 5 * count, 1000)):
            terminal = Terminal()
            with tool.start(terminal.theirs) as child:
                terminal.read(time.monotonic() + 0.05)
                with load("pace", many, micros) as generator:
                    seen = []
                    while generator.process.poll() is None:
                        seen += terminal.read(time.monotonic() + 0.05)
                    seen += terminal.read(time.monotonic() + 0.1)
                    finish(generator)
                terminal.end(child)
            terminal.close()
            waits = latencies(seen)
            if len(waits) < many // 2:
                raise Broken(f"{tool.name} showed {len(waits)} of {many} programs")
            put(row + ", median", tool, median(waits))
            put(row + ", 99 %", tool, percentile(waits, 0.99))


def latencies(chunks):
    """A mark may be split between two reads: what counts is when its last byte came."""
    data, ends = b"", []
    for when, part in chunks:
        data += part
        ends.append((len(data), when))
    waits, at, known = [], 0, set()
    for mark in MARK.finditer(data):
        while ends[at][0] < mark.end():
            at += 1
        if mark[0] not in known:
            known.add(mark[0])
            waits.append(1e3 * ends[at][1] - int(mark[1]) / 1e6)
    return waits


def measure_flood(tools, seconds):
    """As many programs as two CPUs can start, the tool on either: how many does it show, how many are left."""
    def flood(seconds):
        with load("flood", seconds, cpu=TOOL_CPU) as one, load("flood", seconds) as other:
            return finish(one)[0] + finish(other)[0]

    def rate_alone():
        return flood(min(seconds, 2)) / min(seconds, 2)

    path = os.path.join(SCRATCH, "flood")
    before = rate_alone()
    alone_notes.append(f"flat out {before:.0f} execs/s on two CPUs")
    for tool in tools:
        with open(path, "wb") as output, tool.start(output, CPUS) as child:
            started = flood(seconds)
            size, patience = -1, time.monotonic() + 3
            while size != os.path.getsize(path) and time.monotonic() < patience:  # it may be behind
                size = os.path.getsize(path)
                time.sleep(0.25)
            memory = child.status("VmHWM")
            child.interrupt()
        after = rate_alone()
        put("flat out: execs shown (%)", tool, 100 * len(marks(path)) / started)
        put("flat out: rate left (%)", tool, 100 * started / seconds / ((before + after) / 2))
        put("peak memory, flat out (MB)", tool, memory / 1e3)
        before = after


def marks(path):
    with open(path, "rb") as file:
        return {mark[0] for mark in MARK.finditer(file.read())}


def measure_size(tools):
    for tool in tools:
        path = os.path.realpath(shutil.which(tool.executable))
        libraries = subprocess.run(["ldd", path], capture_output=True, text=True).stdout
        files = {path, *(os.path.realpath(name) for name in re.findall(r"(/\S+) \(0x", libraries))}
        put("executable (MB)", tool, os.path.getsize(path) / 1e6)
        put("  with the libraries it needs (MB)", tool, sum(map(os.path.getsize, files)) / 1e6)


# A later measurement (decode + render of a recording, open+close, connect): one more function above, its rows here.
ROWS = [
    "added per fork+exec+exit (µs)",
    "  the same by the medians",
    "  of it in its BPF programs (µs)",
    "  reader's wake-ups per fork+exec+exit",
    "  reader's CPU per fork+exec+exit (µs)",
    "added per getppid (ns)",
    "exec of the tool → first line (ms)",
    "SIGINT → gone (ms)",
    "exec → its line, one at a time (ms), median",
    "exec → its line, one at a time (ms), 99 %",
    "exec → its line, in a stream (ms), median",
    "exec → its line, in a stream (ms), 99 %",
    "flat out: execs shown (%)",
    "flat out: rate left (%)",
    "peak memory, light load (MB)",
    "peak memory, flat out (MB)",
    "executable (MB)",
    "  with the libraries it needs (MB)",
]
results = {row: {} for row in ROWS}
errors = {row: {} for row in ROWS}
programs_of = {}
alone_notes = []  # base costs, without any tool


def print_table(tools, ours):
    width = max(map(len, ROWS)) + 1
    print("without a tool:", "; ".join(alone_notes))
    print("\n" + " " * width + "".join(f"{tool.name:>17}" for tool in tools))
    for row in ROWS:
        if not results[row]:
            continue
        cells = []
        for tool in tools:
            value, noise = results[row][tool], errors[row][tool]
            cells.append(f"{value:.2f} ±{noise:.2f}" if noise is not None else f"{value:.2f}")
        print(f"{row:<{width}}" + "".join(f"{cell:>17}" for cell in cells))
        if ours and not row.startswith("  ") and "%)" not in row:
            ratios = []
            for tool in tools:
                theirs, noise = results[row][tool], errors[row][tool] or 0
                clear = tool is not ours and theirs > 2 * noise
                ratios.append(f"{results[row][ours] / theirs:.2f} ×" if clear else "")
            print(f"{'    ' + ours.name + ' ÷ it':<{width}}" + "".join(f"{ratio:>17}" for ratio in ratios))
    for tool in tools:
        if programs_of[tool]:
            print(f"\nBPF programs of {tool.name}, per fork+exec+exit:")
            for share, runs, each, name in sorted(programs_of[tool], reverse=True):
                print(f"    {share:7.0f} ns = {runs:5.2f} runs of {each:6.0f} ns  {name}")


def check_budgets(ours, by_name):
    """Prints which budget of the design holds; returns how many are missed."""
    missed = 0

    def budget(what, value, limit, unit, noise=0.0):
        nonlocal missed
        verdict = "holds" if value <= limit else "unclear" if value - 2 * noise <= limit else "MISSED"
        missed += verdict == "MISSED"
        print(f"  {verdict:<8} {what}: {value:.2f} {unit}, budget {limit:.2f}"
              + (f" (± {noise:.2f}: too noisy to tell)" if verdict == "unclear" else ""))

    def of(row, tool=ours):
        return results[row][tool]

    print(f"\nBudgets of {ours.name}:")
    row, floor = "added per fork+exec+exit (µs)", by_name["floor"]
    if of(row, floor) > 2 * errors[row][floor]:
        ratio = of(row) / of(row, floor)
        relative = ((errors[row][ours] / of(row)) ** 2 + (errors[row][floor] / of(row, floor)) ** 2) ** 0.5
        budget("added per fork+exec+exit, of the floor", ratio, 1.3, "×", abs(ratio * relative))
    else:
        print("  unclear  added per fork+exec+exit: the floor itself is lost in the noise of this machine")
    row = "  of it in its BPF programs (µs)"
    budget("time in BPF programs per fork+exec+exit, of the floor", of(row) / of(row, floor), 1.3, "×")
    row = "added per getppid (ns)"
    budget("added per unrelated system call", of(row), NOISE, "ns", errors[row][ours])
    row = "exec of the tool → first line (ms)"
    peer = by_name["execsnoop"]
    budget("exec of the tool → first line, as execsnoop", of(row), of(row, peer), "ms",
           (errors[row][ours] ** 2 + errors[row][peer] ** 2) ** 0.5)
    budget("SIGINT → gone", of("SIGINT → gone (ms)"), 50, "ms")
    for load_name in ("one at a time", "in a stream"):
        budget(f"exec → its line, {load_name}, 99 %", of(f"exec → its line, {load_name} (ms), 99 %"), 20, "ms")
    budget("execs not shown, flat out", 100 - of("flat out: execs shown (%)"), 0, "%")
    budget("peak memory", of("peak memory, flat out (MB)"), 40, "MB")
    budget("executable", of("executable (MB)"), 20, "MB")
    return missed


def say(section):
    print(f"bench: {section}", file=sys.stderr, flush=True)


def main():
    global GENERATE, FLOOR, SCRATCH
    parser = argparse.ArgumentParser(prog="bench", description="what watching processes costs, tool beside tool")
    parser.add_argument("--quick", action="store_true", help="under a minute, less exact")
    parser.add_argument("--assert", action="store_true", dest="strict", help="status 1 when a budget is missed")
    parser.add_argument("--programs", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--tool", required=True, help=argparse.SUPPRESS)
    options = parser.parse_args()
    GENERATE, FLOOR = (os.path.join(options.programs, name) for name in ("generate", "floor"))

    tools = [Tool("floor", [FLOOR], says_ready=True)]
    ours = None
    if os.access(options.tool, os.X_OK):
        ours = Tool("ebpfguard", [options.tool, "trace", "-o", "text"], says_ready=True)
        tools += [ours, Tool("ebpfguard json", [options.tool, "trace", "-o", "json"], says_ready=True)]
    tools += [Tool("execsnoop", ["execsnoop"]), Tool("bpftrace", ["execsnoop.bt"], executable="bpftrace")]
    programs_of.update({tool: [] for tool in tools})
    if not ours:
        print(f"{os.path.basename(options.tool)} is not built: only the floor and the peers are measured")
    if len(CPUS) < 2:
        print("only one CPU: tool and load share it, the figures say little")

    # Our own clock readings must not wait for others. The children start as usual.
    os.sched_setscheduler(0, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, os.sched_param(1))
    quick = options.quick
    begin = time.monotonic()
    with tempfile.TemporaryDirectory() as SCRATCH:
        say("start-up")
        measure_start(tools, 3 if quick else 9)
        say("cost")
        slow = [tool for tool in tools if not tool.says_ready]  # to start and end
        measure_cost(tools, lambda tool: (2 if tool in slow else 6) if quick else (6 if tool in slow else 20),
                     1500 if quick else 3000)
        say("BPF programs")
        measure_programs(tools, lambda tool: 1 if tool in slow else (3 if quick else 8), 1000 if quick else 4000)
        say("latency")
        measure_latency(tools, 40 if quick else 200)
        say("flat out")
        measure_flood(tools, 1 if quick else 5)
    measure_size(tools)
    print_table(tools, ours)
    missed = check_budgets(ours, {tool.name: tool for tool in tools}) if ours else 0
    print(f"\n{time.monotonic() - begin:.0f} s")
    return 1 if missed and options.strict else 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the children are ended
    try:
        sys.exit(main())
    except Broken as problem:
        print(f"bench: {problem}", file=sys.stderr)
        sys.exit(2)
