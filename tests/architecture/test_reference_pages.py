"""What the code offers is what the pages describe."""

from pathlib import Path

import pytest
from pydantic import BaseModel

from infra.reference_pages import BEGIN, END, PAGES, renewed
from tasks.contracts.config import Params


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_the_page_says_what_the_code_says(repository: Path, page: Path) -> None:
    file = repository / page

    assert file.read_text(encoding="utf-8") == renewed(file, PAGES[page]), f"{page} is out of date; run `make docs`"


def test_what_is_written_by_hand_stays(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n", encoding="utf-8")

    assert renewed(page, lambda: "new\n") == f"before\n{BEGIN}\n\nnew\n\n{END}\nafter\n"


def test_a_page_without_marks_is_refused(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("no marks\n", encoding="utf-8")

    with pytest.raises(SystemExit, match="lacks the marks"):
        renewed(page, lambda: "new\n")


def settings(model: type[BaseModel]) -> list[tuple[str, type[BaseModel]]]:
    """Every setting's own name with the model that holds it, walked apart from the code that writes the page."""
    found = []
    for name, field in model.model_fields.items():
        inner = [part for part in (field.annotation, *getattr(field.annotation, "__args__", ()))
                 if isinstance(part, type) and issubclass(part, BaseModel)]
        found += settings(inner[0]) if inner else [(name, model)]
    return found


@pytest.mark.parametrize(("name", "model"), settings(Params), ids=lambda value: getattr(value, "__name__", value))
def test_every_setting_stands_in_the_page_with_its_meaning(repository: Path, name: str, model: type[BaseModel]) -> None:
    description = model.model_fields[name].description

    assert description, f"{model.__name__}.{name} has no description"
    page = (repository / "docs/params.md").read_text(encoding="utf-8")
    assert any(f"{name}`" in line and description.replace("|", "\\|") in line for line in page.splitlines())


def test_every_command_of_the_command_line_has_a_section(repository: Path) -> None:
    page = (repository / "docs/commands.md").read_text(encoding="utf-8")

    for command in ("retrain", "status", "data check", "gate", "audit verify", "doctor", "up"):
        assert f"\n## `hallmark {command}" in page


def test_every_option_of_every_command_stands_in_its_section(repository: Path) -> None:
    import typer

    from flows.cli.main import app

    page = (repository / "docs/commands.md").read_text(encoding="utf-8")
    groups = {"hallmark": typer.main.get_command(app)}
    while groups:
        path, command = groups.popitem()
        groups |= {f"{path} {name}": inner for name, inner in getattr(command, "commands", {}).items()}
        section = page.partition(f"\n## `{path} ")[2].partition("\n## ")[0]
        for option in getattr(command, "params", []) if not hasattr(command, "commands") else []:
            assert option.param_type_name != "option" or f"`{option.opts[0]}" in section, (path, option.opts)


def test_every_json_key_of_the_contract_stands_in_the_page(repository: Path) -> None:
    page = (repository / "docs/commands.md").read_text(encoding="utf-8")

    for key in ("verdict", "rows_read", "rows_accepted", "rows_rejected", "warnings", "error", "champion",
                "challengers", "pending_approvals", "last_run", "ledger", "findings", "ok", "entries", "broken"):
        assert f"`{key}`" in page
