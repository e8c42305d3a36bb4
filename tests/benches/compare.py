#!/usr/bin/env python3
"""Compares servers side by side in one interleaved run.

Each server is pinned to CPU 0 and wrk to CPU 1; the rounds go A B C … C B A, a fresh process each, so that what
changes on the machine meanwhile touches all alike. Medians over the rounds. CPU is that of the server's whole process
family per request: a fast server saturates the load generator before itself, and then only this tells them apart.

usage: compare.py SPEC.json [--rounds 5] [--seconds 4] [--connections 32] [--json OUT]
SPEC: [{"name": …, "command": […], "url": "http://127.0.0.1:PORT/…", "headers": […], "script": "mix.lua",
"warm_seconds": 1}, …]
"""
import argparse
import json
import os
import re
import signal
import socket
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


def process_tree(root):
    """The process and all its descendants."""
    children = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat") as stat:
                parent = int(stat.read().rsplit(")", 1)[1].split()[1])
        except OSError:
            continue
        children.setdefault(parent, []).append(int(pid))
    found, waiting = [], [root]
    while waiting:
        pid = waiting.pop()
        found.append(pid)
        waiting += children.get(pid, [])
    return found


def cpu_seconds(root):
    ticks = 0
    for pid in process_tree(root):
        try:
            with open(f"/proc/{pid}/stat") as stat:
                fields = stat.read().rsplit(")", 1)[1].split()
        except OSError:
            continue
        ticks += int(fields[11]) + int(fields[12])
    return ticks / TICKS_PER_SECOND


def start(server):
    host, port = re.match(r"http://([^:/]+):(\d+)", server["url"]).groups()
    with socket.socket() as probe:
        if probe.connect_ex((host, int(port))) == 0:
            sys.exit(f"{server['name']}: port {port} is taken")
    process = subprocess.Popen(
        ["taskset", "-c", "0", *server["command"]],
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            urllib.request.urlopen(server["url"], timeout=2).read()
            return process
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
    stop(process)
    sys.exit(f"{server['name']} does not answer: {' '.join(server['command'])}")


def stop(process):
    for number in (signal.SIGTERM, signal.SIGKILL):
        for pid in reversed(process_tree(process.pid)):
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                pass
        try:
            process.wait(5)
            return
        except subprocess.TimeoutExpired:
            continue


def load(server, seconds, connections):
    command = ["taskset", "-c", "1", "wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency"]
    for header in server.get("headers", []):
        command += ["-H", header]
    if "script" in server:
        command += ["-s", server["script"]]
    return subprocess.run(command + [server["url"]], capture_output=True, text=True, check=True).stdout


def milliseconds(text):
    number, unit = re.match(r"([\d.]+)(us|ms|s)", text).groups()
    return float(number) * {"us": 0.001, "ms": 1, "s": 1000}[unit]


def measure(server, seconds, connections):
    process = start(server)
    try:
        load(server, server.get("warm_seconds", 1), connections)
        before = cpu_seconds(process.pid)
        output = load(server, seconds, connections)
        used = cpu_seconds(process.pid) - before
    finally:
        stop(process)
    requests = int(re.search(r"(\d+) requests in", output).group(1))
    bad = re.findall(r"Non-2xx or 3xx responses: (\d+)", output)
    return {
        "requests_per_second": float(re.search(r"Requests/sec:\s+([\d.]+)", output).group(1)),
        "cpu_us": used / max(requests, 1) * 1e6,
        "p50_ms": milliseconds(re.search(r"(?m)^\s+50%\s+(\S+)", output).group(1)),
        "p99_ms": milliseconds(re.search(r"(?m)^\s+99%\s+(\S+)", output).group(1)),
        "errors": sum(map(int, bad)) + sum(map(int, re.findall(r"\d+", (re.search(r"Socket errors: (.*)", output) or [""])[0]))),
    }


def compare(servers, rounds, seconds, connections):
    """The median of each figure, by server."""
    runs = {server["name"]: [] for server in servers}
    for number in range(rounds):
        for server in servers if number % 2 == 0 else servers[::-1]:
            runs[server["name"]].append(measure(server, seconds, connections))
    return {
        name: {
            figure: (sum if figure == "errors" else statistics.median)(run[figure] for run in of_server)
            for figure in of_server[0]
        }
        for name, of_server in runs.items()
    }


def table(results):
    first = next(iter(results.values()))
    print(f"{'server':36} {'req/s':>9} {'cpu us':>8} {'p50 ms':>7} {'p99 ms':>7} {'x first':>8} {'cpu x':>6} {'errors':>6}")
    for name, it in results.items():
        print(
            f"{name:36} {it['requests_per_second']:9.0f} {it['cpu_us']:8.1f} {it['p50_ms']:7.2f} {it['p99_ms']:7.2f} "
            f"{it['requests_per_second'] / first['requests_per_second']:8.2f} {it['cpu_us'] / first['cpu_us']:6.2f} "
            f"{it['errors']:6d}"
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("spec")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--json")
    arguments = parser.parse_args()
    with open(arguments.spec) as spec:
        servers = json.load(spec)
    results = compare(servers, arguments.rounds, arguments.seconds, arguments.connections)
    table(results)
    if arguments.json:
        with open(arguments.json, "w") as out:
            json.dump(results, out, indent=1)


if __name__ == "__main__":
    main()
