"""Links between the pages of docs/ and to files of the repository lead somewhere, on the site and in the repository."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
sys.path.insert(0, str(DOCS))
from site_parts import made_pages  # noqa: E402

MADE = made_pages.pages()
WRITTEN = sorted(
    page for page in DOCS.rglob("*.md") if not any(page.is_relative_to(DOCS / folder) for folder in made_pages.FOLDERS)
)


@pytest.mark.parametrize("page", WRITTEN, ids=lambda page: page.relative_to(DOCS).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    for target in re.findall(r"\]\(([^)#\s]+)", text):
        place = (page.parent / target).resolve()
        made = place.is_relative_to(DOCS) and place.relative_to(DOCS).as_posix() in MADE
        assert made or place.exists(), f"{page.name}: {target}"


def test_a_page_a_kind_and_a_page_a_config() -> None:
    from langevin_sgd.families import imported
    from langevin_sgd.reporting.kind_page import FAMILIES

    for plural, path in FAMILIES.items():
        for name in imported(path):
            assert f"reference/kinds/{plural.replace(' ', '_')}/{name}.md" in MADE
    for config in (ROOT / "configs").rglob("*.yaml"):
        assert f"configs/{config.relative_to(ROOT / 'configs').with_suffix('.md').as_posix()}" in MADE


def test_keys_of_a_kind_are_on_its_page() -> None:
    page = MADE["reference/kinds/models/ornstein_uhlenbeck.md"]
    assert (
        "`replicas`\n: *whole number \\>= 1*; default 256\n\n  Independent trajectories; error bars come from them."
        in page
    )
    assert "kind `diagonal`" in page
    network = MADE["reference/kinds/models/network.md"]
    assert "[architectures](/reference/kinds/architectures/index.md)" in network
