"""What accepted tables must look like, stated in Great Expectations: one checkpoint over all tables, and Data Docs.

Rows were refused one by one before, by the schema. This says of the result that it is what training may rely on,
and refuses the whole when it is not. The tables hold measures and no text (see measures.py).
"""

import logging
import os
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.contracts.data_config import DataConfig, Kind
from tasks.data.rows.schema import TEXTS
from tasks.data.suites.data_docs import run_without_time, take_out_times
from tasks.data.suites.measures import PROMPTS

if TYPE_CHECKING:
    from great_expectations.expectations.expectation import Expectation

CHECKPOINT = "checked_rows"
SPLITS = ["train", "test", "auto"]


@dataclass(frozen=True)
class Expected:
    """How one expectation ended."""

    table: str
    expectation: str  # e.g. expect_column_values_to_be_unique
    columns: str  # joined by commas; empty where it is about the table
    passed: bool
    unexpected_rows: int  # rows that broke it; 0 where it is about the table

    def sentence(self) -> str:
        """The expectation and what it found, for a message."""
        about = f"{self.table}.{self.columns}" if self.columns else self.table
        rows = f" ({self.unexpected_rows:,} rows)" if self.unexpected_rows else ""
        return f"{about}: {self.expectation} {'holds' if self.passed else 'does not hold'}{rows}"


def expect(tables: Sequence[str], database: Path, config: DataConfig, docs: Path) -> list[Expected]:
    """Run every expectation in one checkpoint and write Data Docs, the same bytes for the same tables.

    Args:
        tables: of the SQLite database, as measures.measure returns them.
        docs: folder of the HTML; its index.html is the place to begin.
    """
    with _quiet():
        import great_expectations as gx
        from great_expectations.data_context.types.base import ProgressBarsConfig

        context = gx.get_context(mode="ephemeral")
        context.variables.progress_bars = ProgressBarsConfig(globally=False, metric_calculations=False)
        context.add_data_docs_site(CHECKPOINT, _site(docs))
        source = context.data_sources.add_sqlite("build", connection_string=f"sqlite:///{database.resolve()}")
        definitions = [context.validation_definitions.add(gx.ValidationDefinition(
            name=name, data=_whole_table(source, name),
            suite=context.suites.add(gx.ExpectationSuite(name=name, expectations=list(_expectations(name, config))))))
            for name in tables]
        checkpoint = context.checkpoints.add(gx.Checkpoint(
            name=CHECKPOINT, validation_definitions=definitions,
            actions=[gx.checkpoint.actions.UpdateDataDocsAction(name="docs")],
            result_format={"result_format": "BASIC", "partial_unexpected_count": 0}))
        outcome = checkpoint.run(run_id=run_without_time())
    take_out_times(docs)
    return [_expected(run.suite_name, result) for run in outcome.run_results.values() for result in run.results]


def _whole_table(source: Any, name: str) -> Any:
    return source.add_table_asset(name, table_name=name).add_batch_definition_whole_table("all")


def _expectations(table: str, config: DataConfig) -> Iterator["Expectation"]:
    import great_expectations.expectations as gxe

    from tasks.data.suites.pairwise import ExpectColumnsToDiffer

    # an empty table passes every expectation about rows, so the count always stands first
    if table == PROMPTS:
        yield gxe.ExpectTableRowCountToBeBetween(min_value=1)
        yield gxe.ExpectColumnValuesToBeUnique(column="prompt_key")
        yield ExpectColumnsToDiffer(column_list=["in_training", "in_held_out"])
        return
    yield gxe.ExpectTableRowCountToBeBetween(min_value=config.minimum_rows)
    yield gxe.ExpectColumnValuesToBeUnique(column="id")
    yield gxe.ExpectColumnValueLengthsToEqual(column="id", value=64)
    yield gxe.ExpectColumnValuesToBeInSet(column="id_is_the_digest_of_the_row", value_set=[True])
    yield gxe.ExpectColumnValuesToBeInSet(column="split", value_set=SPLITS)
    yield gxe.ExpectColumnValuesToBeInSet(column="unknown_fields", value_set=[0])
    yield gxe.ExpectColumnValuesToBeInSet(column="kinds_that_must_not_train", value_set=[0])
    yield from _text_expectations(TEXTS[_kind(table)], config.characters_at_most)
    if table == "preferences":
        yield ExpectColumnsToDiffer(column_list=["chosen_key", "rejected_key"])
    if table == "labels":
        yield gxe.ExpectColumnValuesToBeInSet(column="label_is_known", value_set=[True])


def _text_expectations(texts: tuple[str, ...], characters_at_most: int) -> Iterator["Expectation"]:
    import great_expectations.expectations as gxe

    for name in texts:
        yield gxe.ExpectColumnToExist(column=f"{name}_characters")
        yield gxe.ExpectColumnValuesToBeInSet(column=f"{name}_is_text", value_set=[True])
        yield gxe.ExpectColumnValuesToNotBeNull(column=f"{name}_characters")
        yield gxe.ExpectColumnValuesToBeBetween(
            column=f"{name}_characters", min_value=1, max_value=characters_at_most)


def _kind(table: str) -> Kind:
    return next(kind for kind in TEXTS if kind == table)


def _site(docs: Path) -> Any:
    return {"class_name": "SiteBuilder", "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
            "store_backend": {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(docs.resolve())}}


def _expected(table: str, result: Any) -> Expected:
    settings = result.expectation_config.kwargs
    columns = settings.get("column_list") or [settings["column"]] if settings.keys() & {"column", "column_list"} else []
    return Expected(table, result.expectation_config.type, ", ".join(columns), bool(result.success),
                    int(result.result.get("unexpected_count") or 0))


@contextmanager
def _quiet() -> Iterator[None]:
    """Great Expectations neither phones home nor writes on the user's screen."""
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    logger = logging.getLogger("great_expectations")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
