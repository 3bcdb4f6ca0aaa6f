#!/usr/bin/env python3
"""The layer check passes on the tree, and fails on an upward include, a stranger's library and a folder
without a row. Prints TAP."""
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
TOOL = ROOT / "tools" / "check_layers.py"
TABLE = """
| folder | holds | may use |
|---|---|---|
| include/atrium | the API | |
| src/base | small things | libc |
| src/net | the loop | base |
| src/ws | connections | base net |
| src/app | the root | all |

| header | layer |
|---|---|
| `<zlib.h>` | src/ws |
"""


def run(root):
    return subprocess.run([sys.executable, TOOL, root], capture_output=True, text=True, check=False)


def tree_with(folder, path, text):
    root = pathlib.Path(folder)
    (root / "ARCHITECTURE.md").write_text(TABLE)
    (root / path).parent.mkdir(parents=True)
    (root / path).write_text(text)
    return run(root)


CASES = [
    ("a downward include passes", "src/ws/conn.c", '#include "net/loop.h"\n', None),
    ("an upward include fails", "src/net/loop.c", '#include "base/str.h"\n#include "ws/conn.h"\n',
     "src/net/loop.c:2: src/net may not use src/ws"),
    ("the root may use all", "src/app/run.c", '#include "ws/conn.h"\n', None),
    ("another layer's library fails", "src/net/loop.c", "#include <zlib.h>\n",
     "src/net/loop.c:1: <zlib.h> belongs to src/ws"),
    ("a folder without a row fails", "src/new/x.c", "\n", "src/new has no row"),
    ("a name that is no layer fails", "src/ws/x.c", '#include "loop.h"\n', "names no layer"),
]


def main():
    results = [("the tree has no upward include", (done := run(ROOT)).returncode == 0, done.stdout)]
    for name, path, text, expected in CASES:
        with tempfile.TemporaryDirectory() as folder:
            done = tree_with(folder, path, text)
            good = done.returncode == 0 if expected is None else done.returncode == 1 and expected in done.stdout
            results.append((name, good, done.stdout))
    print(f"1..{len(results)}")
    for number, (name, good, output) in enumerate(results, 1):
        print(f"{'ok' if good else 'not ok'} {number} - {name}")
        if not good:
            print("".join(f"# {line}\n" for line in output.splitlines()), end="")
    sys.exit(0 if all(good for _, good, _ in results) else 1)


if __name__ == "__main__":
    main()
