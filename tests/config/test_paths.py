from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import lossbook
from lossbook.config.arguments import parse
from lossbook.config.paths import PATHS, meant, split_ckpt, verbatim
from lossbook.config.resolve import plain
from lossbook.config.resume import restore, to_save
from lossbook.errors import UserError

NAMES = [
    "photos", "my photos", "a,b", "[a]", "{a: b}", "a=b", "=", "it's", 'say "x"', "'quoted'", "~", "~home", "#1", "a#b",
    "é ü", "choice(a,b)", "range(1,4)", "glob(*)", "${seed}", "a${b", "\\${x}", "$HOME", "a\\b", "a\\", "a\nb", "\t",
    "null x", "123", "1e3", "true", "-", "--", "*", "?", "a:b", "(", ")", "]", "}", "%s", "!x", "&", "|", "+", "'", '"',
]  # fmt: skip


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ("ckpt=a/last.ckpt", "a/last.ckpt"),
        ("ckpt=a/epoch=3 (1).ckpt", "a/epoch=3 (1).ckpt"),  # Hydra's grammar would refuse it
        ("ckpt='a b.ckpt'", "a b.ckpt"),
        ("ckpt=null", None),
    ],
)
def test_a_checkpoints_path_is_taken_as_it_stands(given: str, path: str | None):
    assert split_ckpt(["optim.lr=1", given, "loss=ctc"]) == (path, ["optim.lr=1", "loss=ctc"])


def test_the_last_checkpoint_counts_and_none_is_none():
    assert split_ckpt(["ckpt=a", "ckpt=b"]) == ("b", [])
    assert split_ckpt([]) == (None, [])


def test_an_empty_path_is_refused():
    with pytest.raises(UserError, match="ckpt needs a path"):
        split_ckpt(["ckpt="])


TABLE = ("data=csv", "data.root=x", "data.target_columns=[y]", "model=torchvision")


OTHER_KEYS = [(name, key) for key in PATHS[1:] for name in ("a,b", "[a]", "a=b")]


@pytest.mark.parametrize(("name", "key"), [*((name, "data.root") for name in NAMES), *OTHER_KEYS])
def test_a_path_that_exists_is_taken_as_it_stands(
    name: str, key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(name).touch()
    (argument,) = verbatim([f"{key}={name}"])
    assert verbatim([argument]) == [argument]
    config = lossbook.compose(*TABLE, f"++{argument}")
    assert value(config, key) == name
    again = lossbook.compose(*config.overrides)  # as a job of a sweep, or what a report tells to type
    assert value(again, key) == name
    resumed = restore(to_save(config), [])
    assert value(resumed, key) == name
    assert value(restore(to_save(lossbook.compose(*TABLE, f"++{key}=x")), [argument]), key) == name


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(name=st.text(st.characters(exclude_characters="/\0", codec="utf-8"), min_size=1, max_size=12))
def test_any_name_of_a_file(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = Path(f"x{name}")
    path.touch()
    (argument,) = verbatim([f"data.root={path}"])
    assert verbatim([argument]) == [argument]
    assert parse([argument])[0].value().replace("\\${", "${").count("${") == name.count("${")
    assert split_ckpt([f"ckpt={path}"]) == (str(path), [])
    assert meant(str(path)) == str(path)
    path.unlink()


def value(config: object, key: str) -> object:
    node: object = plain(config)  # type: ignore[arg-type]
    for part in key.split("."):
        node = node[part]  # type: ignore[index]
    return node


def test_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert meant("~/photos") == f"{tmp_path}/photos"
    assert verbatim(["data.root=~/my photos"]) == [f"data.root='{tmp_path}/my photos'"]


def test_what_is_no_path_stays() -> None:
    others = ["data.root=null", "data.root=", "~data.root", "data.roots=a,b", "loss=mse,l1", "data.root=${oc.env:HOME}"]
    assert verbatim(others) == others


def test_several_paths_are_a_sweep_where_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert verbatim(["data.root=choice(a,b)"]) == ["data.root=choice(a,b)"]
    assert verbatim(["data.root=a,b"]) == ["data.root='a,b'"]
    for name in "ab":
        Path(name).touch()
    with pytest.raises(UserError, match=r"Fix: -m 'data.root=choice\(a,b\)'"):
        verbatim(["data.root=a,b"])
    Path("a,b").touch()
    assert verbatim(["data.root=a,b"]) == ["data.root='a,b'"]
