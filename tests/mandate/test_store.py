"""Documents on disk: replaced whole or not at all, whatever call fails and wherever the power goes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from fakes.faults import fails_at

from node.errors import Refused
from node.files import sync_directory
from node.mandate.signatures import MAX_DOCUMENT_BYTES
from node.mandate.store import DocumentStore, Kind, Unreadable, read_document

OLD, NEW = b"the old document\n" * 3_000, b"the new one\n" * 5_000

CRASHES = """
import os, sys
from pathlib import Path
from node.mandate.store import DocumentStore

folder, new = Path(sys.argv[1]), sys.stdin.buffer.read()
for count in range(1_000):
    def crash(frame, event, function, left=[count]):
        if event == "c_call":
            if left[0] == 0:
                os._exit(9)
            left[0] -= 1
    child = os.fork()
    if child == 0:
        store = DocumentStore(folder)
        sys.setprofile(crash)
        store.commit("mandate", new)
        os._exit(0)
    done = os.waitpid(child, 0)[1] == 0
    content = (folder / "mandate.jws.json").read_bytes()
    print("new" if content == new else "old" if len(content) == int(sys.argv[2]) else "torn", flush=True)
    if done:
        break
"""
"""Commits in children that end, without any clean-up, just before their n-th call into C, for every n."""


@pytest.mark.parametrize("kind", ["root", "mandate", "masks"])
def test_what_was_committed_is_read_back(tmp_path: Path, kind: Kind) -> None:
    store = DocumentStore(tmp_path)
    assert store.read(kind) is None
    store.commit(kind, OLD)
    store.commit(kind, NEW)
    assert store.read(kind) == NEW
    assert [path.name for path in tmp_path.iterdir()] == [f"{kind}.jws.json"]


def test_each_kind_has_its_own_place(tmp_path: Path) -> None:
    store = DocumentStore(tmp_path)
    kinds: tuple[Kind, ...] = ("root", "mandate", "masks")
    for kind in kinds:
        store.commit(kind, kind.encode())
    assert [store.read(kind) for kind in kinds] == [b"root", b"mandate", b"masks"]


@pytest.mark.parametrize(
    ("place", "left"),
    [
        ("open 1", OLD), ("fchmod 1", OLD), ("pwrite 1", OLD), ("fsync 1", OLD), ("close 1", OLD),
        ("rename 1", OLD), ("open 2", NEW), ("fsync 2", NEW), ("close 2", NEW),
    ],
)  # fmt: skip
def test_a_call_that_fails_leaves_the_old_document_or_the_new_one(
    tmp_path: Path, place: str, left: bytes
) -> None:
    store = DocumentStore(tmp_path)
    store.commit("mandate", OLD)
    call, number = place.split()
    with pytest.raises(OSError, match="Input/output error"), fails_at(call, int(number), []):
        store.commit("mandate", NEW)
    assert store.read("mandate") == left
    assert [path.name for path in tmp_path.iterdir()] == ["mandate.jws.json"]
    store.commit("mandate", NEW)
    assert store.read("mandate") == NEW


def test_the_bytes_last_before_the_name_changes_and_the_name_before_commit_returns(tmp_path: Path) -> None:
    seen: list[str] = []
    with fails_at("nothing", 1, seen):
        DocumentStore(tmp_path).commit("mandate", NEW)
    kept = [name for name in seen if name in {"pwrite", "fsync", "rename", "close"}]
    assert kept == ["pwrite", "fsync", "close", "rename", "fsync", "close"]


def test_who_may_read_a_document_lasts_as_its_bytes_do(tmp_path: Path) -> None:
    seen: list[str] = []
    with fails_at("nothing", 1, seen):
        DocumentStore(tmp_path).commit("mandate", NEW)
    assert not [name for name in seen[seen.index("fsync") : seen.index("rename")] if "chmod" in name]
    assert DocumentStore(tmp_path).path("mandate").stat().st_mode & 0o777 == 0o644


def test_a_crash_at_any_call_leaves_the_old_document_or_the_new_one(tmp_path: Path) -> None:
    DocumentStore(tmp_path).commit("mandate", OLD)
    command = [sys.executable, "-c", CRASHES, str(tmp_path), str(len(OLD))]
    done = subprocess.run(command, input=NEW, capture_output=True, check=True, timeout=50)
    found = done.stdout.decode().split()
    assert set(found) == {"old", "new"}
    assert found == sorted(found, reverse=True)
    assert len(found) > 10


def test_what_a_crash_left_behind_is_in_nobodys_way(tmp_path: Path) -> None:
    store = DocumentStore(tmp_path)
    store.commit("masks", OLD)
    for name in ("masks.jws.new", ".masks.jws.json.a1b2c3d4"):
        (tmp_path / name).write_bytes(b"half a docum")
    assert store.read("masks") == OLD
    store.commit("masks", NEW)
    assert store.read("masks") == NEW


def test_no_more_is_read_than_shows_that_it_is_too_much(tmp_path: Path) -> None:
    store = DocumentStore(tmp_path)
    with store.path("root").open("wb") as file:
        file.truncate(1 << 40)
    assert store.read("root") == bytes(MAX_DOCUMENT_BYTES + 1)


def test_a_document_that_a_person_names_has_the_same_bound(tmp_path: Path) -> None:
    path = tmp_path / "document.json"
    path.write_bytes(b" " * MAX_DOCUMENT_BYTES)
    assert len(read_document(path)) == MAX_DOCUMENT_BYTES
    path.write_bytes(b" " * (MAX_DOCUMENT_BYTES + 1))
    with pytest.raises(Refused, match=r"document\.json: too large"):
        read_document(path)


@pytest.mark.parametrize("name", ["absent.json", ".", "absent/document.json", "n" * 300])
def test_a_document_that_cannot_be_read_is_refused_by_its_name(tmp_path: Path, name: str) -> None:
    with pytest.raises(Refused, match=r"^[^\n]+: [A-Z][a-z ]+$"):
        read_document(tmp_path / name)


def test_a_place_that_is_there_but_cannot_be_read_is_not_taken_for_an_empty_one(tmp_path: Path) -> None:
    store = DocumentStore(tmp_path)
    store.path("mandate").mkdir()
    with pytest.raises(Unreadable, match=r"mandate\.jws\.json cannot be read: Is a directory"):
        store.read("mandate")


def test_only_a_directory_is_synced_as_one(tmp_path: Path) -> None:
    sync_directory(tmp_path)
    (tmp_path / "file").touch()
    descriptors = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 — pathlib's own iterator would be counted too
    with pytest.raises(NotADirectoryError):
        sync_directory(tmp_path / "file")
    assert len(os.listdir("/proc/self/fd")) == descriptors  # noqa: PTH208 — as above
