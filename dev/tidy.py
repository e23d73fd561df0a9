#!/usr/bin/env python3
"""The house rules that a machine can check.

Floors: an include points to its own floor or one below (the order is read from CMakeLists.txt).
Outside: clocks, threads, entropy and system calls only from sim/ upward. Sizes: files, functions.
Words that mean unfinished or forbidden. Exit status 1 when something is found, one line each.
"""
import argparse
import pathlib
import re
import subprocess
import sys

TOP = pathlib.Path(__file__).resolve().parent.parent
FILE_LINES_MAX = 500
TEST_LINES_MAX = 700
FUNCTION_LINES_MAX = 70
TRANSPORTS = {"tcp", "udp", "icmp"}
# Below sim/: the core is sans-I/O.
OUTSIDE_ONLY = {
    r"\b(steady_clock|system_clock|high_resolution_clock)\b": "take an Instant now",
    r"\bclock_gettime\b": "take an Instant now",
    r"\brandom_device\b|\bgetrandom\b|\bmt19937\b": "take an Rng",
    r"#include <(thread|mutex|future|condition_variable)>": "one thread per stack",
    r"#include <(sys/socket|sys/epoll|unistd|poll|netinet/in|fcntl|sys/ioctl)\.h>": "no system calls below sim/",
}
# Up to sim/ the order of everything must repeat. A table that is only looked up in says so in its line or above.
REPEATABLE = {r"\bstd::unordered_(map|set)<": "iteration order is not repeatable: use a keyed table or std::map"}
EVERYWHERE = {
    r"\b(FIXME|XXX|HACK)\b": "finish it or say why in docs/",
    r"\bTODO\b": "finish it or say why in docs/",
    r"\busing namespace std;": "name what you use",
}
EXEMPT_FROM_SYSTEM_HEADERS = {"src/posix", "src/ready", "src/ring", "src/socket"}  # constants and structs only


def floors():
    text = (TOP / "CMakeLists.txt").read_text()
    names = re.search(r"set\(FLOORS ([a-z0-9_ ]+)\)", text).group(1).split()
    order = {name: i for i, name in enumerate(names + ["shim", "tools"])}
    return order | {"sockeye": order["posix"]}  # include/sockeye: the public face is the POSIX floor's


def tracked():
    out = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=TOP, check=True, capture_output=True, text=True
    ).stdout.split("\n")
    return [TOP / name for name in out if name.endswith((".h", ".hpp", ".cc", ".c")) and (TOP / name).exists()]


def without_comments(text):
    def blank(match):
        return re.sub(r"[^\n]", " ", match.group(0))

    return re.sub(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"', blank, text, flags=re.S)


def function_lengths(code):
    """Yields (first line, lines) of every function body: a brace block opened after a ')' outside others."""
    starts = []
    line = 1
    for i, c in enumerate(code):
        if c == "\n":
            line += 1
        elif c == "{":
            head = code[max(0, i - 300) : i].rstrip()
            statement = re.split(r"[;{}]", head)[-1].strip()
            is_scope = re.search(r"(^|\s)(namespace|class|struct|union|enum|extern)\b[^()]*$", statement)
            kind = "scope" if is_scope else "table" if statement.endswith("=") else "block"
            starts.append((kind, line))
        elif c == "}" and starts:
            kind, first = starts.pop()
            if kind == "block" and all(k == "scope" for k, _ in starts):
                yield first, line - first + 1


def check_includes(path, text, order, problems):
    relative = path.relative_to(TOP)
    if relative.parts[0] != "src":
        return
    floor = relative.parts[1]
    if floor not in order:
        problems.append(f"{relative}: '{floor}' is no floor of CMakeLists.txt")
        return
    for number, line in enumerate(text.split("\n"), 1):
        match = re.match(r'#include "([a-z0-9_]+)/', line)
        if not match:
            continue
        other = match.group(1)
        if other not in order:
            problems.append(f"{relative}:{number}: include from '{other}', which is no floor")
        elif order[other] > order[floor]:
            problems.append(f"{relative}:{number}: {floor}/ may not include {other}/, which lies above it")
        elif other != floor and {other, floor} <= TRANSPORTS:
            problems.append(f"{relative}:{number}: transports do not know each other")


def check_words(path, text, code, order, problems):
    relative = path.relative_to(TOP)
    below_sim = (
        relative.parts[0] == "src" and relative.parts[1] in order and order[relative.parts[1]] < order["sim"]
    )
    rules = list(EVERYWHERE.items())
    if below_sim:
        rules += list(OUTSIDE_ONLY.items())
    if below_sim or relative.parts[:2] == ("src", "sim"):
        rules += list(REPEATABLE.items())
    for pattern, cure in rules:
        subject = text if "FIXME" in pattern or "TODO" in pattern or "#include" in pattern else code
        if "#include <(sys" in pattern and str(relative.parent) in EXEMPT_FROM_SYSTEM_HEADERS:
            continue
        for match in re.finditer(pattern, subject):
            number = subject.count("\n", 0, match.start()) + 1
            if "unordered" in pattern and "looked up only" in " ".join(text.split("\n")[number - 2 : number]):
                continue
            problems.append(f"{relative}:{number}: {match.group(0)!r}: {cure}")


def check_sizes(path, text, code, problems):
    relative = path.relative_to(TOP)
    lines = text.count("\n")
    limit = TEST_LINES_MAX if relative.parts[0] in ("tests", "bench", "fuzz") else FILE_LINES_MAX
    if lines > limit:
        problems.append(f"{relative}: {lines} lines, at most {limit}: which second concern is in there?")
    if relative.parts[0] == "src":
        for first, length in function_lengths(code):
            if length > FUNCTION_LINES_MAX:
                problems.append(f"{relative}:{first}: a function of {length} lines, at most {FUNCTION_LINES_MAX}")
    if not text.startswith(("// SPDX-", "/* SPDX-")):
        problems.append(f"{relative}:1: the file does not open with its SPDX lines")


def main():
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    order = floors()
    problems = []
    for path in tracked():
        text = path.read_text(errors="replace")
        code = without_comments(text)
        check_includes(path, text, order, problems)
        check_words(path, text, code, order, problems)
        check_sizes(path, text, code, problems)
    for problem in problems:
        print(problem)
    print(f"tidy: {len(problems)} problems" if problems else "tidy: clean")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
