"""JUnit XML of a check report: what continuous integration (GitLab, Jenkins) shows."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path
from xml.etree import ElementTree

from analytics.data.checks.report import CheckReport, Finding, Severity

__all__ = ["write_junit"]


def write_junit(
    file: Path, report: CheckReport, name: str, checks: Iterable[str], failing: Collection[Severity]
) -> None:
    """Write one test case for every check and every further code of a finding.

    Parameters
    ----------
    file : Path
    report : CheckReport
    name : str
        Of the data set.
    checks : iterable of str
        Names of the checks that were run; those that found nothing have passed.
    failing : collection of str
        Severities that make a test case fail; other findings are its output.
    """
    found: dict[str, list[Finding]] = {check: [] for check in checks}
    for finding in report.findings:
        found.setdefault(finding.code, []).append(finding)
    failed = sum(any(f.severity in failing for f in each) for each in found.values())
    counts = {"tests": str(len(found)), "failures": str(failed), "errors": "0"}
    root = ElementTree.Element("testsuites", counts)
    suite = ElementTree.SubElement(root, "testsuite", {"name": f"winnow check {name}", **counts})
    for code, findings in found.items():
        where = {"classname": name, "name": code}
        case = ElementTree.SubElement(suite, "testcase", where)
        worst = [finding for finding in findings if finding.severity in failing]
        if worst:
            said = {"type": worst[0].severity, "message": _plain(worst[0].message)}
            failure = ElementTree.SubElement(case, "failure", said)
            failure.text = _plain("\n".join(map(_text, findings)))
        elif findings:
            ElementTree.SubElement(case, "system-out").text = _plain(
                "\n".join(map(_text, findings))
            )
    ElementTree.indent(root)
    file.write_bytes(ElementTree.tostring(root, encoding="utf-8", xml_declaration=True) + b"\n")


def _text(finding: Finding) -> str:
    lines = (finding.message, finding.evidence, finding.advice)
    return f"{finding.severity}: " + " ".join(filter(None, lines))


def _plain(text: str) -> str:
    """Return text without the characters that XML has no way to write."""
    return "".join(c if c in "\n\t" or c.isprintable() or c == " " else "?" for c in text)
