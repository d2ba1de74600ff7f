"""Random broken and unusual tables, and the allowed results."""

from __future__ import annotations

import gzip
import random
from collections.abc import Callable, Iterator
from pathlib import Path

from robustness_cases import EITHER, REFUSED, TRAINED, Case, as_parquet, cases
from robustness_drafts import LOSSES, PARTS, Draft, draft, write
from robustness_truth import check_table

Fault = Callable[[Draft, random.Random], None]


def _cell(text: str) -> Fault:
    """Put this text into one or several cells of the first feature."""

    def spoil(d: Draft, r: random.Random) -> None:
        chosen = set(r.sample(range(len(d.rows)), min(r.choice((1, 1, 2, 25)), len(d.rows))))
        d.column("x0", lambda row, cell: text if row in chosen else cell)

    return spoil


def _column(change: Callable[[int, str], object]) -> Fault:
    return lambda d, r: d.column("x0", change)


def _target(change: Callable[[int, str], object]) -> Fault:
    return lambda d, r: d.column("y", change)


def _option(key: str, value: str) -> Fault:
    return lambda d, r: d.options.update({key: value})


def _bytes(change: Callable[[bytes], bytes]) -> Fault:
    return lambda d, r: d.everywhere(change)


def _written(**how: object) -> Fault:
    return lambda d, r: d.__dict__.update(how)


def _line(text: str) -> Fault:
    """Insert a line somewhere after the header."""

    def spoil(d: Draft, r: random.Random) -> None:
        place = r.randint(1, 12)

        def add(content: bytes) -> bytes:
            lines = content.split(b"\n")
            return b"\n".join([*lines[:place], text.encode(), *lines[place:]])

        d.everywhere(add)

    return spoil


def _shuffled(d: Draft, r: random.Random) -> None:
    order = r.sample(range(len(d.rows)), len(d.rows))
    d.insert(0, "id", lambda row: order[row])


def _garbage(d: Draft, r: random.Random) -> None:
    d.everywhere(lambda content: bytes(r.randrange(256) for _ in range(r.randint(1, 400))))


def _flipped(d: Draft, r: random.Random) -> None:
    def flip(content: bytes) -> bytes:
        place = r.randrange(len(content))
        return content[:place] + bytes([content[place] ^ 1 << r.randrange(8)]) + content[place + 1 :]

    d.everywhere(flip)


def _cut(d: Draft, r: random.Random) -> None:
    d.everywhere(lambda content: content[: r.randrange(len(content))])


def _only(rows: int) -> Fault:
    return lambda d, r: d.rows.__delitem__(slice(rows, None))


def _wide(d: Draft, r: random.Random) -> None:
    for number in range(r.choice((300, 1500))):
        d.insert(0, f"w{number}", lambda row: r.randint(-99, 99))


def _leak(d: Draft, r: random.Random) -> None:
    cells = [row[d.header.index("y")] for row in d.rows]
    d.insert(0, "copy", lambda row: cells[row])


def _headless(d: Draft, r: random.Random) -> None:
    d.everywhere(lambda content: content.partition(b"\n")[2])


def _header_again(d: Draft, r: random.Random) -> None:
    """Repeat the header line further down, as where files are put one after the other."""
    middle = r.randint(2, 12)

    def again(content: bytes) -> bytes:
        lines = content.split(b"\n")
        return b"\n".join([*lines[:middle], lines[0], *lines[middle:]])

    d.everywhere(again)


def _renamed(*names: str) -> Fault:
    def rename(d: Draft, r: random.Random) -> None:
        d.header[0] = r.choice(names)

    return rename


def _swap_header(content: bytes) -> bytes:
    first, _, rest = content.partition(b"\n")
    return b",".join(reversed(first.split(b","))) + b"\n" + rest


def _without_rows(content: bytes) -> bytes:
    return content.partition(b"\n")[0] + b"\n"


def _one_row(content: bytes) -> bytes:
    return b"\n".join(content.split(b"\n")[:2]) + b"\n"


def _both(*faults: Fault) -> Fault:
    def spoil(d: Draft, r: random.Random) -> None:
        for fault in faults:
            fault(d, r)

    return spoil


def _german(d: Draft, r: random.Random) -> None:
    """Write the file as a spreadsheet in Germany does."""
    d.mark = ";"
    d.rows[:] = [[cell.replace(".", ",") for cell in row] for row in d.rows]


def _widest(d: Draft, r: random.Random) -> None:
    names = [f"w{number}" for number in range(10_000)]
    d.header[:0] = names
    d.rows[:] = [[*(str(r.randint(-99, 99)) for _ in names), *row] for row in d.rows]


def _in_part(change: Callable[[bytes], bytes | None]) -> Fault:
    return lambda d, r: d.at(r.choice(PARTS), change)


def _far(content: bytes) -> bytes:
    lines = content.split(b"\n")
    lines[1] = b"-1e30" + lines[1][lines[1].index(b",") :]
    return b"\n".join(lines)


def _strange_class(content: bytes) -> bytes:
    lines = content.split(b"\n")
    lines[1] = lines[1].rpartition(b",")[0] + b",never seen"
    return b"\n".join(lines)


ARABIC = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")
FAULTS: dict[str, tuple[Fault, tuple[str, ...], str | None]] = {
    # kind -> what it does, the allowed results, and the target kind that it applies to (None: any)
    "sound": (lambda d, r: None, TRAINED, None),
    **{
        f"cell {name}": (_cell(text), TRAINED, None)
        for name, text in {
            "empty": "", "blank": "  ", "NA": "NA", "nan": "nan", "None": "None", "thousands": '"1,234.5"',
        }.items()
    },
    **{
        f"cell {name}": (_cell(text), EITHER, None)  # where it is most of the column, this is a category or a text
        for name, text in {
            "text": "tall", "inf": "-inf", "underscore": "1_000", "full width": "１２", "Arabic digits": "١٢",
            "decimal comma": '"1,5"', "currency": "$3", "percent": "12%", "hex": "0x1f", "date": "2020-01-31",
            "true": "true", "minus sign": "−5", "unit": "12 kg", "formula": "=SUM(A1)", "two lines": '"1\n2"',
            "zero width": "1\u200b",
        }.items()
    },
    **{
        f"cell {name}": (_cell(text), REFUSED, None)
        for name, text in {"1e999": "1e999", "1e39": "1e39", "long": "7" * 5000, "longest": "7" * 200_000}.items()
    },
    **{f"cell {text} skipped": (_both(_cell(text), _option("data.on_bad", "skip")), EITHER, None) for text in ("tall", "1e39")},  # noqa: E501
    **{
        f"column of {name}": (_column(change), TRAINED, None)
        for name, change in {
            "categories": lambda row, cell: ("red", "blue", "", "NA", "green")[row % 5],
            "booleans": lambda row, cell: ("yes", "No", "")[row % 3],
            "identifiers": lambda row, cell: f"{row * 7919 % 1000:04d}-{row}",
            "free texts": lambda row, cell: f"a text, of row {row}".replace(",", ""),
            "dates": lambda row, cell: f"20{row % 30:02d}-{row % 12 + 1:02d}-{row % 28 + 1:02d}",
            "German dates": lambda row, cell: f"{row % 28 + 1}.{row % 12 + 1}.20{row % 30:02d}",
            "American dates": lambda row, cell: f"{row % 12 + 1}/{row % 28 + 1}/20{row % 30:02d} 12:30",
            "impossible dates": lambda row, cell: f"20{row % 30:02d}-02-{row % 31 + 1:02d}",
            "times": lambda row, cell: f"{row % 24:02d}:{row % 60:02d}",
            "thousands": lambda row, cell: f'"{row % 9 + 1},{row * 37 % 1000:03d}.5"',
            "decimal commas": lambda row, cell: f'"{row},{row % 7}"',
            "spaced thousands": lambda row, cell: f"{row % 9 + 1} {row * 37 % 1000:03d}",
            "percentages": lambda row, cell: f"{row} %",
            "thousands and no fraction": lambda row, cell: f'"{row % 9 + 1},{row * 37 % 1000:03d},000"',
            "apostrophes": lambda row, cell: f"{row % 9 + 1}'{row * 37 % 1000:03d}.25",
            "nothing": lambda row, cell: "",
            "quoted lines": lambda row, cell: f'"first\n{row % 3}"',
        }.items()
        if name != "impossible dates"
    },
    "column of impossible dates": (_column(lambda row, cell: f"2020-02-{row % 31 + 1:02d}"), EITHER, None),
    "column of mixed types": (
        _column(lambda row, cell: ("1", "two", "3.5", "", "2020-01-31", "true", "4 kg")[row % 7]), TRAINED, None
    ),
    "column of numbers and words": (_column(lambda row, cell: f"w{row}" if row % 2 else cell), EITHER, None),
    "decimal commas everywhere": (_german, TRAINED, None),
    "10,000 columns": (_widest, TRAINED, None),
    "in Windows-1252": (_both(_column(lambda row, cell: "äöü€"[row % 4]), _written(encoding="cp1252")), TRAINED, None),
    **{
        f"as Parquet{more}": (_bytes(change), EITHER, None)  # it is written from whatever the text is by then
        for more, change in (("", as_parquet), (", gzipped", lambda text: gzip.compress(as_parquet(text))))
    },
    **{
        f"{key}={value}": (_option(f"data.{key}", value), allowed, None)
        for key, value, allowed in (
            ("categories", "embedding", REFUSED), ("categories", "x", REFUSED), ("missing", "fail", TRAINED),
            ("missing", "x", REFUSED), ("on_bad", "skip", TRAINED), ("on_bad", "x", REFUSED), ("separator", "';'", EITHER),  # noqa: E501
            ("encoding", "utf-8", TRAINED), ("encoding", "utf-99", REFUSED), ("encoding", "rot13", REFUSED),
            ("decimal", "comma", EITHER), ("decimal", "point", TRAINED), ("decimal", "x", REFUSED),
            ("columns", "{x0:category}", EITHER), ("columns", "{x0:leave_out}", TRAINED), ("columns", "{x0:date}", REFUSED),  # noqa: E501
            ("columns", "{q:category}", REFUSED), ("columns", "{x0:x}", REFUSED), ("columns", "[x0]", REFUSED),
            ("columns", "{y:category}", REFUSED), ("weight_column", "x0", EITHER), ("weight_column", "y", REFUSED),
            ("weight_column", "q", REFUSED), ("group_column", "q", REFUSED), ("time_column", "q", REFUSED),
            ("time_column", "x0", TRAINED), ("group_column", "x1", EITHER), ("fractions", "[0.5,0.25,0.25]", TRAINED),
        )
    },
    "embedded categories": (
        _both(_column(lambda row, cell: "abc"[row % 3]), _option("data.categories", "embedding")), TRAINED, None
    ),
    "embedded, unseen and missing": (
        _both(_column(lambda row, cell: ("a", "b", "", f"rare {row}")[row % 4]), _option("data.categories", "embedding")),  # noqa: E501
        EITHER,
        None,
    ),
    "cell padded": (_column(lambda row, cell: f" \u00a0{cell} "), TRAINED, None),
    "cell quoted": (_column(lambda row, cell: f'"{cell}"'), TRAINED, None),
    "cell negative zero": (_cell("-0"), TRAINED, None),
    "column 1e200": (_column(lambda row, cell: f"{cell}e200"), REFUSED, None),
    "column 1e-200": (_column(lambda row, cell: f"{cell}e-200"), TRAINED, None),
    "column 1e-320": (_column(lambda row, cell: f"{cell}e-320"), TRAINED, None),
    "column 1e15": (_column(lambda row, cell: 10**15 + row * row % 7), REFUSED, None),
    "column constant": (_column(lambda row, cell: 0.1), TRAINED, None),
    "column nearly constant": (_column(lambda row, cell: (0.3, 0.1 + 0.2)[row % 2]), TRAINED, None),
    "column Arabic": (_column(lambda row, cell: str(row).translate(ARABIC)), EITHER, None),
    "column outlier": (_cell("1e8"), TRAINED, None),
    "one class": (_target(lambda row, cell: "a"), REFUSED, "class"),
    "class a row": (_target(lambda row, cell: f"name{row}"), EITHER, "class"),
    "class once": (_target(lambda row, cell: "once" if row == 3 else cell), TRAINED, "class"),
    "class in two cases": (_target(lambda row, cell: cell.upper() if row % 2 else cell), TRAINED, "class"),
    "class padded": (_target(lambda row, cell: f"{cell} " if row % 2 else cell), TRAINED, "class"),
    "class 1 and 1.0": (_target(lambda row, cell: ("1", "1.0", "2")[row % 3]), REFUSED, "class"),
    "class nan": (_target(lambda row, cell: "nan" if row == 2 else cell), REFUSED, "class"),
    "class empty": (_target(lambda row, cell: "" if row % 5 == 0 else cell), REFUSED, "class"),
    "class like a number": (_target(lambda row, cell: ("inf", "1e999", "1_0", "１")[row % 4]), TRAINED, "class"),
    "class of many letters": (_target(lambda row, cell: cell * 3000), TRAINED, "class"),
    "class with marks": (_target(lambda row, cell: ("[/b]", "日本", '"a,b"', "{x}", "é")[row % 5]), TRAINED, "class"),
    "class of two lines": (_target(lambda row, cell: f'"{cell}\n{cell}"'), TRAINED, "class"),
    "class long digits": (_target(lambda row, cell: f"123456789012345678{row % 2}"), TRAINED, "class"),
    "value constant": (_target(lambda row, cell: "3"), REFUSED, "value"),
    "value far from 0": (_target(lambda row, cell: 1_700_000_000 + row), REFUSED, "value"),
    "value 1e39": (_target(lambda row, cell: f"{row}e38"), EITHER, "value"),
    "value tiny": (_target(lambda row, cell: f"{cell}e-60"), REFUSED, "value"),
    "value missing": (_target(lambda row, cell: "NaN" if row == 1 else cell), REFUSED, "value"),
    "count negative": (_target(lambda row, cell: f"-{1 + row % 3}"), REFUSED, "count"),
    "count fraction": (_target(lambda row, cell: row / 4), REFUSED, "count"),
    "count large": (_target(lambda row, cell: 2**24 + 1 + row**4), TRAINED, "count"),
    "count zero": (_target(lambda row, cell: "-0"), EITHER, "count"),
    "label 2": (_target(lambda row, cell: row % 3), REFUSED, "multilabel"),
    "label constant": (_target(lambda row, cell: "1"), TRAINED, "multilabel"),
    "label true": (_target(lambda row, cell: ("true", "false")[row % 2]), TRAINED, "multilabel"),
    "index unnamed": (lambda d, r: d.insert(0, "", lambda row: row), TRAINED, None),
    "index Unnamed: 0": (lambda d, r: d.insert(0, "Unnamed: 0", lambda row: row), TRAINED, None),
    "index of texts": (lambda d, r: d.insert(0, "", lambda row: f"r{row}"), TRAINED, None),
    "index named": (lambda d, r: d.insert(r.randrange(3), "any", lambda row: row + 1), TRAINED, None),
    "index shuffled": (_shuffled, TRAINED, None),
    "unnamed in the middle": (lambda d, r: d.insert(1, " ", lambda row: row % 5), REFUSED, None),
    "delimiter after all lines": (lambda d, r: d.insert(len(d.header), "", lambda row: ""), TRAINED, None),
    "delimiter after rows": (_bytes(lambda text: text.replace(b"\n", b",\n").replace(b",\n", b"\n", 1)), REFUSED, None),
    "names of rows without a name": (_bytes(lambda text: text.replace(b"\n", b"\nr,").rstrip(b"r,")), REFUSED, None),
    "leak": (_leak, TRAINED, "value"),
    "many columns": (_wide, TRAINED, None),
    "header of two names alike": (_renamed("x1", "y"), REFUSED, None),
    "header with marks": (_renamed("[b]", "é", "a b", "a=b", "$x", "x" * 9000, "true", "2020"), TRAINED, None),
    "header missing": (_headless, REFUSED, None),
    "header twice": (_bytes(lambda text: text.partition(b"\n")[0] + b"\n" + text), EITHER, None),
    "header again in the middle": (_header_again, EITHER, None),  # a class called y, in a class column
    "header alone": (_only(0), REFUSED, None),
    "header after a comment": (_bytes(lambda text: b"# a comment\n" + text), REFUSED, None),
    "header after sep=": (_bytes(lambda text: b"sep=,\n" + text), TRAINED, None),
    "header after empty lines": (_bytes(lambda text: b"\n\n" + text), TRAINED, None),
    "one row": (_only(1), REFUSED, None),
    "two rows": (_only(2), REFUSED, None),
    "five rows": (_only(5), EITHER, None),
    "line short": (_line("1"), REFUSED, None),
    "line long": (_line("1,2,3,4,5,6,7,8,9,0"), REFUSED, None),
    "line empty": (_line(""), TRAINED, None),
    "line of blanks": (_line("   "), TRAINED, None),
    "line of delimiters": (_line(",,,,,,"), REFUSED, None),
    "quote open": (_cell('"1'), REFUSED, None),
    "quote amid": (_cell('"1"2'), REFUSED, None),
    **{
        f"written with {name}": (_written(mark=mark, delimiter=typed), TRAINED, None)
        for name, mark, typed in (
            ("tab", "\t", "tab"), (r"\t", "\t", "'\\t'"), ("tab dropped", "\t", ""), ("semicolon", ";", "';'"),
            ("pipe", "|", "pipe"), ("space", " ", "' '"), ("colon", ":", "':'"),
        )
    },
    **{f"delimiter found {mark!r}": (_written(mark=mark), TRAINED, None) for mark in "\t;| "},
    "delimiter not found": (_written(mark=":"), REFUSED, None),
    "delimiter null": (_written(delimiter="null"), TRAINED, None),
    **{
        f"delimiter {typed!r}": (_written(delimiter=typed), REFUSED, None)
        for typed in ("", "x", "';;'", "tab", "1", "'\"'", "[a]")
    },
    **{f"in {encoding}": (_written(encoding=encoding), TRAINED, None) for encoding in ("utf-8-sig", "ascii")},
    **{f"in {code}": (_written(encoding=code), TRAINED, None) for code in ("utf-16", "utf-16-le", "utf-32")},
    "in latin-1": (_bytes(lambda text: text.replace(b"x0", b"\xe9", 1)), TRAINED, None),
    "ends of lines \\r": (_written(end="\r"), TRAINED, None),
    "ends of lines \\r\\n": (_written(end="\r\n"), TRAINED, None),
    "no end of the last line": (_bytes(lambda text: text.rstrip(b"\n")), TRAINED, None),
    "NUL": (_cell("\0"), REFUSED, None),
    "gzip": (_bytes(gzip.compress), TRAINED, None),
    "xlsx": (_bytes(lambda text: b"PK\3\4" + text), REFUSED, None),
    "parquet": (_bytes(lambda text: b"PAR1" + text), REFUSED, None),
    "garbage": (_garbage, REFUSED, None),
    "empty file": (_bytes(lambda text: b""), REFUSED, None),
    "bit flipped": (_flipped, EITHER, None),
    "cut": (_cut, EITHER, None),
    "file missing": (lambda d, r: d.edits.append(lambda name, content: None), REFUSED, None),
    "file with an odd name": (_written(name="é [1] it's,=$.csv"), TRAINED, None),
    "parts": (_written(parts=True), EITHER, None),
    "part missing": (_in_part(lambda text: None), EITHER, None),
    "part empty": (_in_part(lambda text: b""), REFUSED, None),
    "part without rows": (_in_part(_without_rows), REFUSED, None),
    "part of one row": (lambda d, r: d.at(r.choice(PARTS[1:]), _one_row), EITHER, None),
    "part with columns in another order": (_in_part(_swap_header), EITHER, None),
    "part with another column": (_in_part(lambda text: text.replace(b"x0", b"q", 1)), REFUSED, None),
    "part far out": (lambda d, r: d.at(r.choice(PARTS[1:]), _far), REFUSED, None),
    "part with a class of its own": (lambda d, r: d.at(r.choice(PARTS[1:]), _strange_class), REFUSED, "class"),
    **{
        f"target_columns={value}": (_option("data.target_columns", value), REFUSED, None)
        for value in ("[y,y]", "[q,w]", "[[y]]", "null", "{a:y}", "[]", "1", "[1.50]", "true", "''")
    },
    **{
        f"feature_columns={value}": (_option("data.feature_columns", value), REFUSED, None)
        for value in ("[x0,x0]", "[y]", "[]", "[q]", "{x0:1}", "[[x0]]", "1", "''")
    },
    "feature named": (_option("data.feature_columns", "x1"), TRAINED, None),
    **{
        f"root={value}": (_option("data.root", value), REFUSED, None)
        for value in ("null", "[a]", "''", "1.5", "/dev/zero")
    },
    "kind mask": (_option("data.target", "mask"), REFUSED, None),
}  # fmt: skip


def tables(seed: int, count: int, folder: Path) -> Iterator[Case]:
    """Draw tables with faults; see ``robustness_cases.cases``."""

    def start(r: random.Random, where: Path, target: str | None) -> Draft:
        where.mkdir(parents=True)
        return draft(r, target or r.choice(list(LOSSES)))

    return cases(seed, count, folder, FAULTS, start, lambda d, target: target in (None, d.target), write, check_table)
