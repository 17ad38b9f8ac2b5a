"""`make requirements`: run the acceptance suite, print number - requirement - tests - passed, write build/requirements.json.

Numbers and phrases stand in tests/requirements.toml; every number of the product's list is there, so that a number
without a test shows as open instead of missing.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parents[1]


def main(arguments: list[str]) -> int:
    """Run, report, and end with 1 when a requirement's test failed."""
    build = ROOT / "build"
    build.mkdir(exist_ok=True)
    rows_file = build / "requirement-rows.jsonl"
    rows_file.unlink(missing_ok=True)
    environment = dict(os.environ, ONECARD_REQUIREMENTS_OUT=str(rows_file))
    subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            *("-n", "3", "--dist", "loadfile", "--no-loadscope-reorder"),
            "-m",
            "requirement",
            *arguments,
            "tests",
        ],
        cwd=ROOT,
        env=environment,
        check=False,
    )
    tests: dict[str, dict[str, bool]] = defaultdict(dict)
    if rows_file.exists():
        for line in rows_file.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            for number in row["numbers"]:
                before = tests[number].get(row["test"], True)
                tests[number][row["test"]] = before and row["outcome"] == "passed"
    phrases = tomllib.loads((ROOT / "tests/requirements.toml").read_text(encoding="utf-8"))["requirements"]
    unknown = set(tests) - set(phrases)
    report = {
        number: {
            "tests": sorted(tests[number]),
            "passed": bool(tests[number]) and all(tests[number].values()),
        }
        for number in phrases
    }
    (build / "requirements.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    for number, phrase in phrases.items():
        entry = report[number]
        state = "passed" if entry["passed"] else ("FAILED" if entry["tests"] else "open")
        print(f"{number:>4}  {state:<7} {len(entry['tests']):>2}  {phrase}")
    passed = sum(entry["passed"] for entry in report.values())
    print(f"{passed} of {len(report)} requirements have passing acceptance tests")
    if unknown:
        print("marks that name no requirement:", ", ".join(sorted(unknown)))
    return 1 if unknown or any(e["tests"] and not e["passed"] for e in report.values()) else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
