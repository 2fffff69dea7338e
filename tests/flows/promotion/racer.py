"""A process that promotes the versions whose numbers it reads: `python -m tests.flows.promotion.racer [NOTE]`.

With NOTE its proof never ends: it writes that file when the swap has happened, and waits to be killed.
"""

import sys
import time
from pathlib import Path

from flows.desk import open_desk
from flows.promotion.by_hand import promote_version
from tasks.contracts.errors import HallmarkError
from tasks.records.mlflow_store import connect


def prove(folder: Path) -> None:
    assert (folder / "model.safetensors").read_bytes()
    if len(sys.argv) > 1:
        Path(sys.argv[1]).touch()
        time.sleep(120)


def main() -> None:
    connect()
    print("ready", flush=True)
    for line in sys.stdin:
        try:
            promote_version(open_desk(Path.cwd(), "race"), int(line), prove)
            print("won", flush=True)
        except HallmarkError as error:
            print(error, flush=True)


if __name__ == "__main__":
    main()
