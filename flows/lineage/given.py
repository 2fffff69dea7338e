"""The id of a row that is given by its text: as data files have it, made canonical as check_data does."""

from collections.abc import Mapping
from pathlib import Path

from tasks.contracts.canonical import row_id
from tasks.contracts.config import load_params
from tasks.contracts.data_config import SourceConfig
from tasks.contracts.errors import DataRefused, Misused
from tasks.data.checks.policies import Policies, as_trained
from tasks.data.reading.formats import read_rows
from tasks.data.reading.strict_json import NotJson, parse_object
from tasks.data.rows.refusals import RowRefused
from tasks.data.rows.schema import canonical_row, kind_of_row


def id_of_line(file: Path, line: int) -> str:
    """The id of one row of a data file, its columns named as params.yaml says where it is a source.

    Raises:
        Misused: there is no such line, or what stands there is no row.
        DataRefused: the file cannot be read as rows.
    """
    config = load_params().data
    sources = [one for one in config.sources if Path(one.path).resolve() == file.resolve()]
    source = sources[0] if sources else SourceConfig(path=str(file))
    if not file.is_file():
        raise Misused("is no file", where=str(file), wanted="a data file")
    for raw in read_rows(file):
        if raw.line == line:
            if raw.value is None:
                raise Misused(raw.fault, where=f"{file}, line {line}", wanted="a row")
            return _id(raw.value, source, f"{file}, line {line}", Policies.of(config))
    raise Misused("the file has no such line", where=str(file), wanted=f"line {line}")


def id_of_json(text: bytes) -> str:
    """The id of a row as one JSON object. Raises Misused where it is none."""
    try:
        return _id(parse_object(text), SourceConfig(path="stdin"), "stdin", Policies.of(load_params().data))
    except NotJson as refusal:
        raise Misused(str(refusal), where="stdin", wanted="one row as a JSON object") from None


def _id(raw: Mapping[str, object], source: SourceConfig, where: str, policies: Policies) -> str:
    named = source.kind or kind_of_row(raw, source.columns)
    if named is None:
        raise Misused("is a row of no known kind", where=where, found=", ".join(sorted(raw))[:80])
    try:
        row = canonical_row(named, raw, source.columns, 1 << 30, source.good_from).row
        return row_id(as_trained(row, policies))
    except (RowRefused, DataRefused) as refusal:
        raise Misused(str(refusal), where=where, wanted="a row that may train") from None
