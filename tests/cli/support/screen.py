#!/usr/bin/env python3
"""tests/cli/support/screen.py COLUMNS ROWS PROGRAM ... - runs a program in a terminal of its own.

Orders come line by line on standard input, answers are lines of JSON on standard output:

    keys TEXT      types it (\\e is Escape)
    size C R       another size, as when a window is drawn larger
    signal NAME    to the program
    screen         {"lines": [...], "alternate": bool, "cursor": bool, "echo": bool, "canonical": bool,
                    "status": exit status, -SIGNAL, or null while it runs}

The screen understands what is needed to say what a person would see: positions, erasing, the alternate screen;
anything else fails loudly.
"""
import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import sys
import termios
import unicodedata

SEQUENCE = re.compile(r"\x1b\[(\??)([\d;]*)([A-Za-z])")


class Screen:
    def __init__(self, columns, rows):
        self.normal = []
        self.alternate = False
        self.cursor = True
        self.unfinished = ""
        self.resize(columns, rows)

    def resize(self, columns, rows):
        self.columns, self.rows = columns, rows
        self.clear()

    def clear(self):
        self.cells = [[" "] * self.columns for _ in range(self.rows)]
        self.x = self.y = 0

    def mode(self, number, on):
        if number == "1049":
            self.alternate = on
            self.clear()
        elif number == "25":
            self.cursor = on
        elif number != "7":
            sys.exit(f"a mode nobody thought of: {number}")

    def control(self, private, parameters, letter):
        numbers = [int(n) if n else 0 for n in parameters.split(";")]
        if private:
            self.mode(parameters, letter == "h")
        elif letter == "H":
            self.y = max(numbers[0], 1) - 1
            self.x = max(numbers[1] if len(numbers) > 1 else 1, 1) - 1
        elif letter == "J" and numbers == [2]:
            self.cells = [[" "] * self.columns for _ in range(self.rows)]
        elif letter == "K" and numbers == [0]:
            if self.y < self.rows:
                self.cells[self.y][self.x:] = [" "] * (self.columns - self.x)
        elif letter != "m":
            sys.exit(f"a sequence nobody thought of: {parameters}{letter}")

    def write(self, text):
        text = self.unfinished + text
        at = 0
        while at < len(text):
            c = text[at]
            if c == "\x1b":
                m = SEQUENCE.match(text, at)
                if not m:
                    if len(text) - at < 24:
                        break
                    sys.exit("not a sequence: " + repr(text[at:at + 24]))
                self.control(*m.groups())
                at = m.end()
                continue
            at += 1
            if c == "\r":
                self.x = 0
            elif c == "\n":
                self.y = min(self.y + 1, self.rows - 1)
            elif c < " ":
                sys.exit(f"a control character on the screen: {c!r}")
            else:
                self.put(c)
        self.unfinished = text[at:]

    def put(self, c):
        wide = unicodedata.east_asian_width(c) in "WF"
        if self.y < self.rows and self.x < self.columns:
            self.cells[self.y][self.x] = c
            if wide and self.x + 1 < self.columns:
                self.cells[self.y][self.x + 1] = ""
        self.x += 2 if wide else 1

    def lines(self):
        return ["".join(row).rstrip() for row in self.cells]


def set_size(fd, columns, rows):
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def main():
    columns, rows = int(sys.argv[1]), int(sys.argv[2])
    screen = Screen(columns, rows)
    fd, slave = pty.openpty()  # the slave stays open here, so that it can be looked at to the end
    set_size(slave, columns, rows)
    pid = os.fork()
    if pid == 0:
        os.setsid()
        fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
        for number in range(3):
            os.dup2(slave, number)
        os.closerange(3, 1024)
        os.execvp(sys.argv[3], sys.argv[3:])
    os.set_blocking(fd, False)
    status, raw, orders = None, b"", b""

    def drain(wait):
        nonlocal raw
        while select.select([fd], [], [], wait)[0]:
            try:
                raw += os.read(fd, 65536)
            except (BlockingIOError, OSError):
                return
            text = raw.decode("utf-8", "ignore") if raw[-1] < 0x80 else None
            if text is not None:
                screen.write(text)
                raw = b""
            wait = 0

    while True:
        ready = select.select([fd, 0], [], [], 0.1)[0]
        drain(0)
        if status is None:
            done, how = os.waitpid(pid, os.WNOHANG)
            if done:
                status = -os.WTERMSIG(how) if os.WIFSIGNALED(how) else os.WEXITSTATUS(how)
        if 0 not in ready:
            continue
        chunk = os.read(0, 65536)
        if not chunk:
            break
        orders += chunk
        while b"\n" in orders:
            line, orders = orders.split(b"\n", 1)
            order, _, rest = line.decode().partition(" ")
            if order == "keys":
                os.write(fd, rest.replace("\\e", "\x1b").encode())
            elif order == "size":
                screen.resize(*map(int, rest.split()))
                set_size(fd, screen.columns, screen.rows)
            elif order == "signal":
                os.kill(pid, getattr(signal, rest))
            elif order == "screen":
                drain(0.05)
                flags = termios.tcgetattr(slave)[3]
                print(json.dumps({"lines": screen.lines(), "alternate": screen.alternate, "cursor": screen.cursor,
                                  "echo": bool(flags & termios.ECHO), "canonical": bool(flags & termios.ICANON),
                                  "status": status}), flush=True)
    if status is None:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


main()
