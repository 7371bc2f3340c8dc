"""The benchmarks' own arithmetic; what they measure is in `benchmarks/README.md`."""

import re

from benchmarks.measuring import Measured
from benchmarks.peers import HEADS, MISSING, Rows
from tests.live import ROOT


def test_rounds_add_up_and_are_compared_with_the_row_that_is_named() -> None:
    rows = Rows("p-256")
    for _ in range(2):
        rows.add("ours", Measured([0.1] * 10, 1.0, 0.5))
        rows.add("theirs", Measured([0.2] * 10, 4.0, 0.25))
    ours, theirs = rows.told({"theirs": "ours"})
    assert ours == ["ours", "p-256", "10", "100.00", "100.00", "100.00", "20", "", ""]
    assert theirs == ["theirs", "p-256", "2", "200.00", "200.00", "200.00", "40", "4.00", "0.50"]
    assert len(ours) == len(HEADS)


def test_where_the_peer_is_missing_the_remedy_names_files_that_exist() -> None:
    assert (ROOT / re.findall(r"--requirement (\S+)", MISSING)[0]).is_file()
    assert "/.venv-bench/" in "/" + (ROOT / ".gitignore").read_text("utf-8").replace("\n", "/")
