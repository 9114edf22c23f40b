"""Links that lead out of a directory are told from those that stay, and from the Hub cache's own."""

from __future__ import annotations

from pathlib import Path

from emollama_hf.files.links import leads_out, links_out


def test_links_and_dots_that_lead_elsewhere(tmp_path: Path) -> None:
    root, outside = tmp_path / "set", tmp_path / "set-private"
    (root / "data").mkdir(parents=True)
    outside.mkdir()
    (outside / "x").write_text("x")
    (root / "file").write_text("x")
    links = {"out": outside / "x", "dots": "../../set-private/x", "folder": outside, "dead": outside / "no"}
    for name, target in links.items():
        (root / "data" / name).symlink_to(target)
    (root / "data" / "in").symlink_to("../file")
    (root / "data" / "loop").symlink_to("loop")
    names = {"out", "dots", "folder", "dead"}
    assert {path.name for path in links_out(root)} == names
    for name in (*names, "folder/x", "../../set-private/x"):
        assert leads_out(root, root / "data" / name)
    for name in ("in", "loop", "nothing", "../file"):
        assert not leads_out(root, root / "data" / name)
    (tmp_path / "link").symlink_to(root)
    assert not leads_out(tmp_path / "link", tmp_path / "link" / "file"), "whoever named the directory may use a link"


def test_the_cache_of_the_hub_has_its_contents_beside_its_snapshots(tmp_path: Path) -> None:
    for repository in ("models--org--name", "models--org--other"):
        (tmp_path / repository / "blobs").mkdir(parents=True)
        (tmp_path / repository / "blobs" / "abc").write_text(repository)
    snapshot = tmp_path / "models--org--name" / "snapshots" / "0123"
    (snapshot / "part").mkdir(parents=True)
    (snapshot / "part" / "own").symlink_to("../../../blobs/abc")
    (snapshot / "part" / "other").symlink_to(tmp_path / "models--org--other" / "blobs" / "abc")
    (tmp_path / "models--org--name" / "blobs" / "onward").symlink_to("/etc/passwd")
    (snapshot / "part" / "onward").symlink_to("../../../blobs/onward")
    for root in (snapshot, snapshot / "part"):
        assert not leads_out(root, snapshot / "part" / "own")
        assert leads_out(root, snapshot / "part" / "other")
        assert leads_out(root, snapshot / "part" / "onward")
