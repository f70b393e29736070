"""Every broken config gives one line with file, line, key, fault and mend, and never anything but a ConfigError.

Each file states on its first line what is expected, `# expected: KEY | FRAGMENT | FRAGMENT ...`, and marks the line
that the message must name with `# <-`.
"""

from pathlib import Path

import pytest

from langevin_sgd.config.errors import ConfigError
from langevin_sgd.study.loading import load

FOLDER = Path(__file__).parent / "broken_configs"
FILES = sorted(FOLDER.glob("*.yaml"))


def test_there_are_many() -> None:
    assert len(FILES) >= 45


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_one_line_names_file_line_key_and_fault(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    key, *fragments = (part.strip() for part in lines[0].removeprefix("# expected:").split(" | "))
    marked = [number for number, line in enumerate(lines, start=1) if line.endswith("# <-")]

    with pytest.raises(ConfigError) as caught:
        load(path)

    (message,) = caught.value.lines()
    assert message == caught.value.render() == str(caught.value)
    assert message.isprintable()
    place = f"{path}:{marked[0]}" if marked else str(path)
    beginning = f"{place}: {key}: " if key else f"{place}: "
    assert message.startswith(beginning), message
    assert fragments
    for fragment in fragments:
        assert fragment in message, message
    assert len(message) - len(str(path)) < 250
