"""An expectation of our own: columns that differ in every row. Importing this imports Great Expectations (4 s)."""

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import sqlalchemy as sa
from great_expectations.execution_engine import SqlAlchemyExecutionEngine
from great_expectations.expectations.expectation import MulticolumnMapExpectation
from great_expectations.expectations.metrics.map_metric_provider import (
    MulticolumnMapMetricProvider,
    multicolumn_condition_partial,
)


class ColumnsDiffer(MulticolumnMapMetricProvider):
    """The metric behind the expectation: True for rows whose columns all hold different values."""

    condition_metric_name = "multicolumn_values.all_differ"
    condition_domain_keys = ("batch_id", "table", "column_list", "row_condition", "condition_parser", "ignore_row_if")

    @multicolumn_condition_partial(engine=SqlAlchemyExecutionEngine)
    def _sql(cls, columns: Sequence[Any], **_: Any) -> Any:  # noqa: N805 - the decorator makes it a classmethod
        return sa.and_(*(one != other for one, other in combinations(columns, 2)))


class ExpectColumnsToDiffer(MulticolumnMapExpectation):
    """Expect the columns to hold different values in every row."""

    map_metric = "multicolumn_values.all_differ"
    success_keys = ("mostly", "ignore_row_if")
