from __future__ import annotations

from pathlib import Path

from lossbook.data.tables.faults import Fault, faults_error, listed, quoted, shortened


def test_twenty_lines_are_told_over_all_faults_and_the_rest_is_counted() -> None:
    path = Path("t.csv")
    faults = [Fault(path, [line], "a is empty", "Rule.", "fix") for line in (3, 5)]
    faults += [
        Fault(path, range(10, 40), "b is 'x'", "Rule.", "fix"),
        Fault(path, [50, 51], "c is 'y'", "Rule.", "fix"),
    ]
    first, second, third, rest = faults_error(faults).problems
    assert (first.given, second.given) == ("t.csv line 3: a is empty", "t.csv line 5: a is empty")
    assert third.given.startswith("t.csv line 10: b is 'x'; likewise lines 11, 12,")
    assert third.given.endswith(" 26, 27 and 12 more")
    assert rest.given == "2 more cells"


def test_one_fault_of_one_line() -> None:
    assert str(faults_error([Fault(Path("t.csv"), [3], "a is empty", "Rule.", "fix")])) == (
        "t.csv line 3: a is empty\n  Rule.\n  Fix: fix"
    )


def test_a_table_without_lines_counts_rows() -> None:
    fault = Fault(Path("t.parquet"), [0, 4], "a is inf", "Rule.", "fix", "row")
    assert faults_error([fault]).problems[0].given == "t.parquet row 0: a is inf; likewise row 4"


def test_of_many_notes_the_first_are_told() -> None:
    assert shortened(map(str, range(5))) == ["0", "1", "2", "3", "4"]
    assert shortened(map(str, range(2000))) == ["0", "1", "2", "3", "4", "1,995 more like the last"]


def test_texts_stay_on_one_line_and_short() -> None:
    assert quoted("a\nb") == r"'a\nb'"
    assert len(quoted("x" * 10_000)) == 42
    assert listed(["a", "", "b\n", "c"], most=3) == r"a, '', 'b\n' and 1 more"
