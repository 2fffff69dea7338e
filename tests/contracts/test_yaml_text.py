"""read_yaml: the same as the library's own safe reader, and no crash of the process by what is nested too deep."""

import pytest
import yaml

from tasks.contracts.yaml_text import read_yaml

DEPTH = 100_000


@pytest.mark.parametrize("text", [
    "[" * DEPTH + "]" * DEPTH, "{a: " * DEPTH, "- " * DEPTH, "? " * DEPTH,
    "\n".join(" " * level + "a:" for level in range(3000))])
def test_what_is_nested_too_deep_is_an_error_and_not_the_end_of_the_process(text):
    with pytest.raises(yaml.YAMLError, match="nested too deep"):
        read_yaml(text)


@pytest.mark.parametrize("text", ["", "a: [1, 2.5, 1e-3, true, null, 2026-01-01]", "- {b: 'c'}", "x" * 5000,
                                  "[" * 40 + "]" * 40])
def test_it_reads_what_the_library_reads(text):
    assert read_yaml(text) == yaml.safe_load(text)


def test_a_tag_makes_no_object():
    with pytest.raises(yaml.YAMLError):
        read_yaml("!!python/object/apply:os.getcwd []")
