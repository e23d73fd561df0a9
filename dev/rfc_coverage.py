#!/usr/bin/env python3
"""Which requirement of which RFC is met where, and which test would notice if it were not.

The requirements stand in docs/rfc/NUMBER.csv (id, section, requirement in our words, status, note). Code and
tests cite them in a comment, `RFC 9293 3.8.6.1 MUST-36`, several separated by commas after one section; a test
adds `(rfc profile)` or `(linux profile)` where the profiles differ. From both, docs/rfc-coverage.md is made.

A status is empty (met and tested), `linux` (the rfc profile does it, the linux profile does as Linux: each has
its test), `n/a` (does not apply; the note says why) or `open` (a SHOULD that is not met; the note says why).

Found wrong, with exit status 1: a MUST without a test or without code, a citation of what no table has or of
another section, a `linux` row that is not tested in both profiles, and with --check a page that is not up to date.
"""
import argparse
import collections
import csv
import pathlib
import re
import subprocess
import sys

TOP = pathlib.Path(__file__).resolve().parent.parent
TABLES = TOP / "docs" / "rfc"
PAGE = TOP / "docs" / "rfc-coverage.md"
ID = r"(?:MUST|SHLD|MAY|REC)-\d+"
CITATION = re.compile(rf"RFC (\d+) (\d[\w.]*) ({ID}(?:, {ID})*)(?: \((rfc|linux) profile\))?")
TEST = re.compile(r"^TEST(?:_[FP])?\((\w+), (\w+)\)", re.M)
STATUSES = {"", "linux", "n/a", "open"}
TITLES = {
    "2018": "TCP selective acknowledgment options",
    "5681": "TCP congestion control",
    "5961": "Robustness to blind in-window attacks",
    "6298": "Computing the retransmission timer",
    "7323": "Extensions for high performance",
    "8985": "RACK-TLP loss detection",
    "9293": "Transmission control protocol",
}


class Requirement:
    def __init__(self, rfc, row):
        self.rfc = rfc
        self.id = row["id"]
        self.section = row["section"]
        self.text = row["requirement"]
        self.status = row["status"]
        self.note = row["note"]
        self.code = {}  # file -> None, in order
        self.tests = {}  # (name, file) -> set of profiles

    @property
    def is_must(self):
        return self.id.startswith("MUST")

    def __str__(self):
        return f"RFC {self.rfc} {self.section} {self.id}"


def read_tables(problems):
    table = {}
    for path in sorted(TABLES.glob("*.csv")):
        with path.open(newline="") as file:
            for row in csv.DictReader(file):
                requirement = Requirement(path.stem, row)
                key = (path.stem, requirement.id)
                if key in table:
                    problems.append(f"{path.name}: {requirement.id} stands there twice")
                if requirement.status not in STATUSES:
                    problems.append(f"{path.name}: {requirement.id}: '{requirement.status}' is no status")
                if requirement.status and not requirement.note:
                    problems.append(f"{path.name}: {requirement.id}: '{requirement.status}' needs a note that says why")
                table[key] = requirement
    return table


def tracked():
    out = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "src", "tests"],
        cwd=TOP, check=True, capture_output=True, text=True,
    ).stdout.split("\n")
    return sorted(TOP / name for name in out if name.endswith((".h", ".cc", ".pkt")) and (TOP / name).is_file())


def comment_blocks(text):
    """Yields (end of the block in the file, its words on one line) of every run of line comments."""
    for match in re.finditer(r"(?:^[^\n]*?(?://|#) ?[^\n]*\n)(?:^[ \t]*(?://|#) ?[^\n]*\n)*", text, re.M):
        words = re.sub(r"\n[ \t]*(?://|#) ?", " ", match.group(0))
        yield match.start(), match.end(), words


def test_of(text, begin, end):
    """The test that a comment belongs to: the one on its own line, the one right below, or the one around it."""
    for match in TEST.finditer(text, begin, end):
        return f"{match.group(1)}.{match.group(2)}"
    below = TEST.match(text, end)
    if below:
        return f"{below.group(1)}.{below.group(2)}"
    name = None
    for match in TEST.finditer(text, 0, begin):
        name = f"{match.group(1)}.{match.group(2)}"
    return name


def take_citations(path, table, problems):
    text = path.read_text(errors="replace")
    relative = path.relative_to(TOP)
    is_test = relative.parts[0] == "tests"
    for begin, end, words in comment_blocks(text):
        for rfc, section, ids, profile in CITATION.findall(words):
            where = f"{relative}:{text.count(chr(10), 0, begin) + 1}"
            for name in ids.split(", "):
                requirement = table.get((rfc, name))
                if requirement is None:
                    problems.append(f"{where}: docs/rfc/{rfc}.csv has no {name}")
                    continue
                if requirement.section != section:
                    problems.append(f"{where}: {name} of RFC {rfc} is in section {requirement.section}, not {section}")
                if not is_test:
                    requirement.code[relative] = None
                    continue
                test = path.name if path.suffix == ".pkt" else test_of(text, begin, end)
                if test is None:
                    problems.append(f"{where}: {name} is cited outside of every test")
                else:
                    requirement.tests.setdefault((test, relative), set()).add(profile)


def judge(requirement, problems):
    if requirement.status == "n/a":
        return
    if requirement.status == "open":
        if requirement.is_must:
            problems.append(f"{requirement}: a MUST cannot be left open: {requirement.text}")
        return
    if not requirement.id.startswith(("MUST", "SHLD")):
        return
    if not requirement.tests:
        problems.append(f"{requirement}: no test: {requirement.text}")
    if not requirement.code:
        problems.append(f"{requirement}: no code cites it: {requirement.text}")
    if requirement.status == "linux":
        tested = set().union(*requirement.tests.values()) if requirement.tests else set()
        for profile in sorted({"rfc", "linux"} - tested):
            problems.append(f"{requirement}: no test of the {profile} profile: {requirement.text}")


def link(text, path):
    return f"[{text}](../{path.as_posix()})"


def summary(requirements):
    count = collections.Counter()
    for requirement in requirements:
        kind = requirement.id.split("-")[0]
        count[kind] += 1
        if requirement.status in ("n/a", "open"):
            count[kind, requirement.status] += 1
        elif requirement.tests:
            count[kind, "tested"] += 1
    cells = []
    for kind in ("MUST", "SHLD"):
        cells += [count[kind], count[kind, "tested"], count[kind, "n/a"]]
    return cells + [count["SHLD", "open"]]


def page(table):
    by_rfc = collections.defaultdict(list)
    for requirement in table.values():
        by_rfc[requirement.rfc].append(requirement)
    order = sorted(by_rfc, key=lambda rfc: (rfc != "9293", int(rfc)))
    lines = [
        "# Which requirement is met where",
        "",
        "Made by `dev/rfc_coverage.py` from the tables in `docs/rfc/` and the comments in code and tests that cite them.",
        "The numbers of RFC 9293 are its own (Appendix B); the other RFCs number nothing: theirs are ours, in the order of",
        "the text. *linux*: the `linux` profile does as Linux does and the `rfc` profile as the RFC says; both are tested.",
        "",
        "| RFC | MUST | tested | n/a | SHOULD | tested | n/a | open |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for rfc in order:
        cells = " | ".join(str(cell) for cell in summary(by_rfc[rfc]))
        lines.append(f"| [{rfc}](#rfc-{rfc}) {TITLES.get(rfc, '')} | {cells} |")
    for rfc in order:
        lines += ["", f"## RFC {rfc}", "", "| id | section | requirement | code | tests | |", "|---|---|---|---|---|---|"]
        for requirement in by_rfc[rfc]:
            code = ", ".join(link(file.name, file) for file in sorted(requirement.code))
            tests = ", ".join(link(name, file) for name, file in sorted(requirement.tests))
            status = f"*{requirement.status}* " if requirement.status else ""
            lines.append(
                f"| {requirement.id} | {requirement.section} | {requirement.text} | {code} | {tests} | {status}{requirement.note} |"
            )
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="change nothing; fail if the page is not up to date")
    check = parser.parse_args().check
    problems = []
    table = read_tables(problems)
    for path in tracked():
        take_citations(path, table, problems)
    for requirement in table.values():
        judge(requirement, problems)
    text = page(table)
    if check:
        if not PAGE.exists() or PAGE.read_text() != text:
            problems.append(f"{PAGE.relative_to(TOP)} is not up to date: run dev/rfc_coverage.py")
    else:
        PAGE.write_text(text)
    for problem in problems:
        print(problem)
    musts = [r for r in table.values() if r.is_must and r.status != "n/a"]
    tested = sum(1 for r in musts if r.tests)
    print(f"rfc coverage: {tested} of {len(musts)} MUSTs tested, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
