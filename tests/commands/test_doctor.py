"""What `doctor` says of a package that is not installed: a checkout on a machine where nothing can be."""

from __future__ import annotations

from pathlib import Path

from emollama_hf.commands import doctor

CHECKOUT = Path(__file__).parents[2]
ABSENT = "a-distribution-that-is-not-installed"


def test_a_checkout_declares_what_the_installed_package_declares() -> None:
    installed = doctor.declared("emollama_hf", CHECKOUT)
    checkout = doctor.declared(ABSENT, CHECKOUT)
    assert installed
    assert checkout
    assert {one.name for one in checkout} == {one.name for one in installed}
    assert {"torch", "datasets"} <= {one.name for one in checkout}
    assert "bitsandbytes" not in {one.name for one in checkout}, "an extra is no requirement"


def test_what_is_not_installed_is_said_with_its_remedy(tmp_path: Path) -> None:
    assert doctor.installation("emollama_hf", CHECKOUT) == []
    (finding,) = doctor.installation(ABSENT, CHECKOUT)
    assert finding.value == f"not installed: runs from {CHECKOUT}"
    assert finding.remedy == f'pip install "{CHECKOUT}"'
    assert doctor.declared(ABSENT, tmp_path) is None
    (finding,) = doctor.installation(ABSENT, tmp_path)
    assert "has no pyproject.toml" in finding.value
    assert finding.remedy
    assert "its dependencies are unknown" in finding.remedy
    (tmp_path / "pyproject.toml").write_text("[tool.ruff]\n")
    assert doctor.declared(ABSENT, tmp_path) is None
