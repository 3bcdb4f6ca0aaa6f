#!/usr/bin/env python3
"""tests/library/surface.py SHARED STATIC - what users of libatrium see, as TAP.

Each header compiles alone, as C11 and as C++17, without a warning. Both libraries export what the headers mark
with ATR_API, all of it and nothing else. docs/c-api.md names everything public. The versions agree.
"""
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
HEADERS = sorted((ROOT / "include" / "atrium").glob("*.h"))
COMPILERS = {"C11": ["gcc", "-std=c11"], "C++17": ["g++", "-std=c++17"]}
PLAIN = """#include <atrium/atrium.h>
ATR_MODULE;
int atr_main(atr_app *app, char *why)
{
    atr_namespace_handlers sockets = ATR_NAMESPACE_HANDLERS_INIT;
    atr_engine_handlers engine = ATR_ENGINE_HANDLERS_INIT;
    atr_websocket_handlers websocket = ATR_WEBSOCKET_HANDLERS_INIT;
    atr_target target = ATR_TARGET_INIT;
    atr_response response = ATR_RESPONSE_INIT;
    atr_cell cells[] = { atr_cell_text("a"), atr_cell_integer(1) };
    atr_str s = ATR_STR("text");
    (void)app, (void)why, (void)cells, (void)atr_text("x"), (void)s;
    return !(sockets.size == sizeof sockets && engine.size == sizeof engine && target.size == sizeof target &&
             websocket.size == sizeof websocket && response.size == sizeof response && !sockets.on_event);
}
"""


def declared():
    text = "\n".join(h.read_text() for h in HEADERS)
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
    return set(re.findall(r"^ATR_API[^;(]*?\b(atr_\w+)\s*\(", text, re.M))


def compiles(command, text):
    with tempfile.TemporaryDirectory() as folder:
        suffix = ".c" if "gcc" in command[0] else ".cpp"
        source = pathlib.Path(folder) / ("one" + suffix)
        source.write_text(text)
        done = subprocess.run(command + ["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only",
                                         f"-I{ROOT / 'include'}", str(source)], capture_output=True, text=True,
                              check=False)
        return [] if done.returncode == 0 and not done.stderr else done.stderr.splitlines()


def symbols(*command):
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    return {line.split()[2].split("@")[0] for line in lines if len(line.split()) == 3}


def differences(found):
    wanted = declared()
    return ([f"exported, but not in a header: {name}" for name in sorted(found - wanted)] +
            [f"in a header, but not exported: {name}" for name in sorted(wanted - found)] +
            ([] if len(wanted) > 100 else ["the headers were not understood"]))


# What the headers need for themselves, and macros that programs use without naming them.
OWN = {"ATR_API", "ATR_EXPORT", "ATR_INIT", "ATR_ERRORS", "ATR_ERROR_BASE", "ATR_ERROR_END", "ATR_ERROR_ENUM",
       "ATR_MODULE_C", "atr_sized", "atr_module_abi", "atr_timer"}


def public():
    """Functions, types, constants and macros of the headers; include guards are none of them."""
    text = "\n".join(re.sub(r"/\*.*?\*/", "", h.read_text(), flags=re.S) for h in HEADERS)
    return {name for name in re.findall(r"\b(?:atr|ATR)_\w+", text) if not name.endswith("_H")} - OWN


def named():
    """Whole names in the page, and `_SHORT` ones that follow a whole one on their line."""
    known = set()
    for line in (ROOT / "docs" / "c-api.md").read_text().splitlines():
        whole = re.findall(r"\b(?:atr|ATR)_\w+", line)
        parts = {"_".join(name.split("_")[:n]) for name in whole for n in range(2, name.count("_") + 1)}
        known |= set(whole) | {part + end for part in parts for end in re.findall(r"`(_[A-Z]+)`", line)}
    return known


def undocumented():
    known = named()
    text = (ROOT / "docs" / "c-api.md").read_text()
    return ([f"not in docs/c-api.md: {name}" for name in sorted((declared() | public()) - known)] +
            [f"in docs/c-api.md, but nowhere else: {name}" for name in sorted(set(re.findall(r"\batr_\w+", text)))
             if not any(re.search(rf"\b{name}\b", h.read_text()) for h in HEADERS)])


def versions():
    header = (ROOT / "include" / "atrium" / "app.h").read_text()
    number = re.search(r'ATR_VERSION +"([\d.]+)"', header)[1]
    parts = [re.search(rf"ATR_VERSION_{p} (\d+)", header)[1] for p in ("MAJOR", "MINOR", "PATCH")]
    project = re.search(r"version: '([\d.]+)'", (ROOT / "meson.build").read_text())[1]
    abi = re.search(r"ATR_ABI (\d+)", header)[1]
    soname = re.search(r"SONAME\s+(\S+)", subprocess.run(["objdump", "-p", sys.argv[1]], capture_output=True,
                                                         text=True, check=True).stdout)[1]
    return ([] if number == ".".join(parts) == project else [f"{number}, {parts}, {project}"]) + \
           ([] if soname == f"libatrium.so.{abi}" else [f"ATR_ABI is {abi}, the soname {soname}"])


def chat_is_short():
    lines = (ROOT / "examples" / "chat.c").read_text().count("\n")
    return [] if lines < 120 else [f"examples/chat.c has {lines} lines"]


def main():
    checks = [(f"{h.name} compiles alone as {language}", lambda c=c, h=h: compiles(c, f'#include "atrium/{h.name}"\n'))
              for language, c in COMPILERS.items() for h in HEADERS]
    checks += [(f"initialisers and a module compile as {language}", lambda c=c: compiles(c, PLAIN))
               for language, c in COMPILERS.items()]
    checks += [
        ("the shared library exports the API and nothing else",
         lambda: differences(symbols("nm", "-D", "--defined-only", sys.argv[1]))),
        ("the static library exports the API and nothing else",
         lambda: differences(symbols("nm", "-g", "--defined-only", sys.argv[2]))),
        ("docs/c-api.md names everything public, and nothing else", undocumented),
        ("header, project and library have one version", versions),
        ("the example is under 120 lines", chat_is_short),
    ]
    print(f"1..{len(checks)}")
    failed = False
    for number, (name, check) in enumerate(checks, 1):
        offences = check()
        failed = failed or bool(offences)
        print(f"{'not ok' if offences else 'ok'} {number} - {name}")
        for line in offences:
            print(f"# {line}")
    sys.exit(failed)


if __name__ == "__main__":
    main()
