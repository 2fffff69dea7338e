"""Stage: checked rows -> tokenizer, splits, shards of token ids, row manifests."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from tasks.contracts.canonical import canonical_json
from tasks.contracts.config import Params
from tasks.contracts.data_config import DataConfig
from tasks.contracts.errors import DataRefused
from tasks.contracts.inputs import require_dep
from tasks.contracts.places import CHECKED, PREPARED
from tasks.contracts.reporting import Sink
from tasks.data.preparing.base_tokenizer import load_base_tokenizer
from tasks.data.preparing.preparation import (
    NAMES,
    CheckedRows,
    Shards,
    write_answers,
    write_comparisons,
    write_labels,
    write_prompts,
    write_text,
)
from tasks.data.preparing.row_ids import RowIds
from tasks.data.preparing.tokenizer import Layout, train_tokenizer
from tasks.data.whole_folder import whole_folder
from tasks.records.manifests import write_manifest
from tasks.records.uses import INDEX, MANIFESTS, PROMPTS, ROWS, TOKENIZER


def prepare_data(params: Params, sink: Sink) -> Mapping[str, float]:
    """Write build/prepared and return the rows of each shard and how much was cut.

    Raises:
        DataRefused: a shard that training needs would be empty.
    """
    with whole_folder(PREPARED) as folder:
        rows = CheckedRows(CHECKED, params.data)
        tokenizer = tokenizer_of(params, rows, sink)
        tokenizer.save_pretrained(folder / "tokenizer")
        layout = Layout(tokenizer, params.tokens)
        with Shards(folder, shard_names(params.data, rows)) as shards:
            write_shards(rows, params.data, layout, shards, sink)
        refuse_empty_shards(shards)
        say_constant_labels(shards, sink)
        write_manifests(folder, shards, ids_of_uses(params, rows, shards))
    say_cuts(layout, sink)
    return numbers_of(tokenizer, layout, shards)


def tokenizer_of(params: Params, rows: CheckedRows, sink: Sink) -> Any:
    """The base model's tokenizer, or one that is trained on the texts of the training part."""
    if params.base.path is not None:
        if Path(params.base.path).exists():
            require_dep("prepare_data", Path(params.base.path))
        return load_base_tokenizer(params.base.path, params.base.revision)
    sink.note("training the tokenizer")
    return train_tokenizer(rows.training_texts(), params.tokens)


def shard_names(config: DataConfig, rows: CheckedRows) -> tuple[str, ...]:
    """The shards to write: of labels where there are some, of comparisons too unless there are labels alone.

    The judge has a shard where it is given a share.
    """
    labelled = rows.has("labels")
    left_out = {"labels": not labelled, "preferences": labelled and not rows.has("preferences")}
    return tuple(name for name in NAMES if not left_out.get(name.rpartition("_")[0])
                 and (config.judge_share or not name.endswith("_judge")))


def write_shards(rows: CheckedRows, config: DataConfig, layout: Layout, shards: Shards, sink: Sink) -> None:
    """Encode all rows, one use after the other."""
    sink.begin(4, unit="kinds of shards")
    if config.demonstrations_from == "chosen":
        write_answers(rows, "preferences", "chosen", layout, shards)
    else:
        write_answers(rows, "demonstrations", "response", layout, shards)
    sink.step(1, {"rows": shards.rows.total()})
    write_comparisons(rows, layout, shards)
    write_labels(rows, layout, shards)
    sink.step(2, {"rows": shards.rows.total()})
    write_prompts(rows, layout, shards)
    sink.step(3, {"rows": shards.rows.total()})
    write_text(rows, layout, shards)
    sink.step(4, {"rows": shards.rows.total()})


def refuse_empty_shards(shards: Shards) -> None:
    """Raise DataRefused where a part that training or the gates need got no row, or only good or only bad labels.

    Beside comparisons labels are not needed.
    """
    compared = "preferences_train" in shards.rows
    empty = [name for name, count in shards.rows.items()
             if not count and not (compared and name.startswith("labels_"))]
    if empty:
        raise DataRefused(
            f"no row falls into {', '.join(empty)}", where=str(CHECKED),
            next_step="Add rows of that kind, raise data.validation_share, data.test_share or data.judge_share, name a "
                      "source with split: test, set data.demonstrations_from: chosen, or change data.split_salt.")
    if not compared and (constant := constant_shards(shards)):
        raise DataRefused(
            f"all labels of {', '.join(constant)} are the same", where=str(CHECKED), wanted="good and bad answers in "
            "each part, since there are no comparisons to learn from",
            next_step="Add answers of the other label, raise data.validation_share, data.test_share or "
                      "data.judge_share, or change data.split_salt.")


def constant_shards(shards: Shards) -> list[str]:
    """The shards whose labels are all good or all bad."""
    return [name for name, labels in shards.labels.items() if len(labels) == 1]


def say_constant_labels(shards: Shards, sink: Sink) -> None:
    """Tell that labels to learn from are all the same, beside comparisons, which teach all the same."""
    if "labels_train" in constant_shards(shards):
        sink.note("all labels of labels_train are the same; they teach nothing until there are answers of the other "
                  "label")


def ids_of_uses(params: Params, rows: CheckedRows, shards: Shards) -> dict[str, Collection[str]]:
    """The ids of the rows that go into each use: a shard, its prompts (SHARD.prompts), or the tokenizer.

    Where a base model is given, its own tokenizer is used and no text is pretrained on.
    """
    uses: dict[str, Collection[str]] = dict(shards.ids)
    uses |= {f"{name}{PROMPTS}": ids for name, ids in shards.prompts.items() if ids}
    if params.base.path is None:
        return {**uses, TOKENIZER: RowIds(row["id"] for row in rows.training_rows())}
    return {use: ids for use, ids in uses.items() if use.partition(".")[0] != "text_train"}


def write_manifests(folder: Path, shards: Shards, uses: Mapping[str, Collection[str]]) -> None:
    """Write rows.manifest, the ids of all rows that were read; manifests/USE; and manifest.json with their roots."""
    root = write_manifest((row for use, ids in uses.items() if not use.endswith(PROMPTS) for row in ids), folder / ROWS)
    (folder / MANIFESTS).mkdir()
    roots = {use: write_manifest(ids, folder / MANIFESTS / use) for use, ids in uses.items()}
    counts = {f"{name}.jsonl": count for name, count in shards.rows.items()}
    (folder / INDEX).write_bytes(canonical_json({"rows": counts, "merkle_root": root, "manifests": roots}) + b"\n")


def say_cuts(layout: Layout, sink: Sink) -> None:
    """Tell how many texts do not fit: a cut prompt is another question, and a cut answer teaches not to end."""
    for what, lost, cut, laid in (("prompt", "beginning", layout.prompts_cut, layout.prompts_laid),
                                  ("response", "end", layout.responses_cut, layout.responses_laid)):
        if cut:
            sink.note(f"{cut} of {laid} {what}s are longer than tokens.{what} and lost their {lost}")


def numbers_of(tokenizer: Any, layout: Layout, shards: Shards) -> dict[str, float]:
    """The numbers of build/metrics/prepare_data.json; a prompt counts as often as it was laid out."""
    return {"vocabulary": len(tokenizer), **{f"{name}_rows": count for name, count in shards.rows.items()},
            "prompts_cut": layout.prompts_cut, "prompts_cut_share": layout.prompts_cut / max(1, layout.prompts_laid),
            "responses_cut": layout.responses_cut,
            "responses_cut_share": layout.responses_cut / max(1, layout.responses_laid)}


if __name__ == "__main__":
    from tasks import stage

    stage.main(prepare_data)
