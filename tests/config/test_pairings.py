"""The tables of the docs."""

from __future__ import annotations

from lossbook.config.pairings import by_data, by_kind, contracts


def test_a_row_a_loss_and_a_column_a_kind() -> None:
    lines = by_kind(contracts()).splitlines()
    assert len(lines) == 2 + len(contracts())
    assert {line.count("|") for line in lines} == {12}
    row = next(line for line in lines if line.startswith("| `ctc`"))
    assert [cell.strip() for cell in row.strip("|").split("|")].count("padded_indices") == 1


def test_marks_stand_where_loss_and_data_fit() -> None:
    lines = by_data(contracts()).splitlines()
    head = [cell.strip(" `") for cell in lines[0].strip("|").split("|")]
    rows = {line.split("`")[1]: [cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]}
    assert rows["ctc"][head.index("digit_lines")] == "x"
    assert rows["ctc"][head.index("digits")] == ""
    assert rows["info_nce"].count("x") == 2  # digit_views and digit_pairs
