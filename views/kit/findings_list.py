"""Findings as entries of a list: show, step through, reject, repair, waive with a reason."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from analytics.curation.findings import Actionable
from views.kit.action_list import Act, ActionList, Entry
from views.kit.option_words import on_page
from views.state.session import Session

__all__ = ["FindingsList"]

_TONES = {"error": "error", "warning": "warning", "note": "quiet"}


class FindingsList(ActionList):
    """Every finding, or those of some codes, each with what can be done about it.

    Parameters
    ----------
    session : Session
    codes : collection of str
        Of the findings that are shown; empty for all.
    """

    def __init__(self, session: Session, codes: Collection[str] = (), **params: Any) -> None:
        super().__init__("Findings", self._act_on, **params)
        self._session, self._codes = session, codes
        session.findings.param.watch(self._fill, ["changed"])
        self._fill()

    def _fill(self, *_: Any) -> None:
        if self._session.opened is None:
            return
        listed = self._session.findings.listed
        wanted = [one for one in listed if not self._codes or one.finding.code in self._codes]
        self.show([self._entry(one) for one in wanted])

    def _entry(self, one: Actionable) -> Entry:
        session, finding, key = self._session, one.finding, one.key
        state = session.findings.state(one)
        lines = [on_page(line) for line in (finding.evidence, finding.advice) if line]
        tag, tone = finding.severity, _TONES[finding.severity]
        if state == "waived":
            tag, tone = "waived", "quiet"
            lines = [f"Waived: {session.waived[key].reason}", *lines]
        elif state == "settled":
            tag, tone = "settled", "good"
        return Entry(key, tag, tone, on_page(finding.message), lines, self._acts(one, state))

    def _acts(self, one: Actionable, state: str) -> list[Act]:
        session = self._session
        if state == "waived":
            return [
                Act("show", "Show", off=not len(one.finding.structures)),
                Act("unwaive", "No longer waive", "Count it among the open findings again"),
            ]
        count = len(session.findings.removal(one))
        data = session.dataset
        everything = data is not None and count >= int((~data.isolated).sum()) - len(
            session.rejected
        )
        stays = "; one of each that repeat one another stays" if one.groups else ""
        acts = []
        several = len(one.finding.structures) > 1
        alone = data is not None and bool(data.isolated[one.finding.structures].all())
        if len(one.finding.structures):
            acts.append(
                Act("show", "Show", f"Brush and look at {'the first' if several else 'it'}")
            )
        if several:  # as the arrow keys do
            acts.append(Act("back", "‹ Previous", "Look at the previous of them (left arrow key)"))
            acts.append(Act("next", "Next ›", "Look at the next of them (right arrow key)"))
        if len(one.finding.structures):
            acts.append(Act("maps", "In the maps", "Brush and go to Compare", off=alone))
        if count and not everything:
            reject = f"Reject {count}"
            acts.append(Act("reject", reject, f"Never keep them{stays}; Undo takes it back"))
        acts += [
            Act(f"repair-{at}", repair.words, "Read the file again so; Undo takes it back")
            for at, repair in enumerate(session.findings.repairs(one))
        ]
        if state != "settled":
            acts.append(
                Act(
                    "waive",
                    "Waive…",
                    "Leave it as it is, for a reason that goes into recipe and report",
                    asks="Why does it not matter here?",
                )
            )
        return acts

    def _act_on(self, key: str, name: str, text: str) -> None:
        session, findings = self._session, self._session.findings
        if name == "waive":
            findings.waive(key, text)
        elif name == "unwaive":
            session.unwaive(key)
        elif name == "reject":
            findings.reject(key)
        elif name.startswith("repair-"):
            findings.repair(key, int(name.removeprefix("repair-")))
        elif name in ("back", "next"):
            findings.step(key, 1 if name == "next" else -1)
        else:
            findings.show(key)
            if name == "maps":
                session.go_to("Compare")
