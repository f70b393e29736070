"""Long lists of plain numbers, read by themselves: the YAML library takes 50 us for each of their entries.

Before the text is parsed every run of numbers, or of rows of numbers, is folded into one word, which keeps the lines
where they are; afterwards the word stands for the numbers again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

LEAST = 16
"""Entries from which a run is folded."""

_MARK = "\ue000"  # a character for private use; texts that hold it are not folded
_NUMBER = r"(?:[-+]?(?:[0-9]+\.[0-9]*(?:[eE][-+]?[0-9]+)?|[0-9]+[eE][-+]?[0-9]+|0(?![0-9xob_])|[1-9][0-9]{0,18}))"
_GAP = r"[ \n]*+"
_ROW = rf"\[{_GAP}{_NUMBER}(?>{_GAP},{_GAP}{_NUMBER})*+{_GAP}\]"
_ENTRY = rf"(?>{_NUMBER}|{_ROW})"
_IN_BRACKETS = rf"(?<=[\[,]){_GAP}{_ENTRY}(?>{_GAP},{_GAP}{_ENTRY}){{{LEAST - 1},}}+{_GAP}"
_WITH_DASHES = rf"^(?P<dash> *- +){_NUMBER} *+(?>\n(?P=dash){_NUMBER} *+){{{LEAST - 1},}}+$"
_RUNS = re.compile(rf"{_IN_BRACKETS}|{_WITH_DASHES}", re.MULTILINE)
_ENTRIES = re.compile(_ENTRY)
_NUMBERS = re.compile(_NUMBER)

Entry = float | list[float]


@dataclass(frozen=True)
class Run:
    """The entries of a folded run, and how many lines below its beginning each of them stands."""

    text: str

    def entries(self) -> list[Entry]:
        """The numbers, or rows of numbers, in order, whole numbers as such."""
        return [
            [_number(inner) for inner in _NUMBERS.findall(entry)] if entry[0] == "[" else _number(entry)
            for entry in self._words()
        ]

    def lines(self) -> list[int]:
        """For every entry the number of line ends of the run before it."""
        found, line, place = [], 0, 0
        for match in _ENTRIES.finditer(self.text):
            line += self.text.count("\n", place, match.start())
            place = match.start()
            found.append(line)
        return found

    def _words(self) -> Iterator[str]:
        return (match[0] for match in _ENTRIES.finditer(self.text))


def fold(text: str) -> tuple[str, dict[str, Run]]:
    """`text` with every long run of numbers replaced by a word, and the runs by their words."""
    runs: dict[str, Run] = {}
    if _MARK in text:
        return text, runs

    def word(match: re.Match[str]) -> str:
        run, before = match[0], text.rfind("\n", 0, match.start()) + 1
        dash = match["dash"] or ""
        whole = bool(dash) or text[match.end() : match.end() + 1] in (",", "]")
        if not whole or "#" in text[before : match.start()]:
            return run  # the last number goes on, as 3 does in 3rd, or all stands in a comment
        name = f"{_MARK}{len(runs)}{_MARK}"
        runs[name] = Run(run)
        # what is left after the word is blank, and the lines below keep their numbers
        blank = len(run) - len(run.lstrip(" \n"))
        return f"{run[:blank] if not dash else ''}{dash}{name}" + "\n" * run.count("\n", 0 if dash else blank)

    return _RUNS.sub(word, text), runs


def _number(word: str) -> float:
    return float(word) if any(mark in word for mark in ".eE") else int(word)
