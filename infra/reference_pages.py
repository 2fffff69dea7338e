"""The reference part of docs/params.md and docs/commands.md, written from the code that it describes.

`python -m infra.reference_pages` exits 1 where a page is out of date; `--write` writes it anew. What stands outside
the two marks in a page is written by hand and stays.
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from infra.commands_reference import commands_reference
from infra.params_reference import params_reference

BEGIN, END = "<!-- begin: written by `make docs` -->", "<!-- end -->"
PAGES: dict[Path, Callable[[], str]] = {
    Path("docs/params.md"): params_reference,
    Path("docs/commands.md"): commands_reference,
}


def renewed(page: Path, reference: Callable[[], str]) -> str:
    """The page's text with the part between the marks written anew."""
    before, _, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        raise SystemExit(f"{page} lacks the marks {BEGIN} and {END}; put them where the reference belongs")
    return f"{before}{BEGIN}\n\n{reference()}\n{END}{after}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="write the pages anew")
    write, old = parser.parse_args().write, []
    for page, reference in PAGES.items():
        text = renewed(page, reference)
        if text == page.read_text(encoding="utf-8"):
            continue
        if write:
            page.write_text(text, encoding="utf-8")
        else:
            old.append(page)
    lines = [f"{page} is out of date; `make docs` renews it" for page in old]
    print("\n".join(lines) or "the reference pages are up to date")
    return 1 if old else 0


if __name__ == "__main__":
    sys.exit(main())
