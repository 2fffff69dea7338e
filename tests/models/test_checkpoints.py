import os
import signal
import sys

import torch

from tasks.models.checkpoints import (
    load_checkpoint,
    optimiser_tensors,
    remove_checkpoints,
    restore_optimiser,
    save_checkpoint,
)


def test_what_was_saved_comes_back_bit_for_bit(tmp_path):
    tensors = {"a": torch.randn(3, 2), "generator": torch.Generator().manual_seed(5).get_state()}
    save_checkpoint(tmp_path, 7, tensors, {"history": [{"loss": 0.1}]})
    loaded, state = load_checkpoint(tmp_path)
    assert state == {"step": 7, "history": [{"loss": 0.1}]}
    assert all(torch.equal(loaded[name], tensor) for name, tensor in tensors.items())


def test_only_the_latest_checkpoint_is_kept(tmp_path):
    for step in (1, 2, 10):
        save_checkpoint(tmp_path, step, {"a": torch.tensor([float(step)])}, {})
    assert [path.name for path in tmp_path.iterdir()] == ["step-000000010"]
    assert load_checkpoint(tmp_path)[0]["a"].item() == 10.0


def test_an_unfinished_checkpoint_is_never_read(tmp_path):
    save_checkpoint(tmp_path, 1, {"a": torch.tensor([1.0])}, {})
    (tmp_path / "unfinished").mkdir()
    (tmp_path / "unfinished" / "tensors.safetensors").write_bytes(b"half")
    assert load_checkpoint(tmp_path)[1]["step"] == 1
    save_checkpoint(tmp_path, 2, {"a": torch.tensor([2.0])}, {})
    assert load_checkpoint(tmp_path)[1]["step"] == 2


def test_there_may_be_none(tmp_path):
    assert load_checkpoint(tmp_path / "never") is None


def test_a_restored_optimiser_goes_on_as_if_never_stopped():
    def fresh():
        weight = torch.nn.Parameter(torch.tensor([1.0, -2.0]))
        return weight, torch.optim.AdamW([weight], lr=0.1)

    def step(weight, optimiser):
        optimiser.zero_grad()
        (weight**2).sum().backward()
        optimiser.step()

    weight, optimiser = fresh()
    step(weight, optimiser)
    saved, tensors = weight.detach().clone(), {k: v.clone() for k, v in optimiser_tensors(optimiser, "o").items()}
    step(weight, optimiser)
    other, resumed = fresh()
    other.data.copy_(saved)
    restore_optimiser(resumed, tensors, "o")
    step(other, resumed)
    assert torch.equal(other, weight)


TOUCHES_A_DISK = {"open", "os.mkdir", "os.rename", "os.rmdir", "os.remove", "os.listdir", "os.scandir"}


def killed_at(touch, work):
    """Run work in a process that gets SIGKILL before its touch-th call to the file system; return whether it did."""
    child = os.fork()
    if child == 0:
        seen = iter(range(touch + 1))
        sys.addaudithook(lambda event, _: os.kill(os.getpid(), signal.SIGKILL)
                         if event in TOUCHES_A_DISK and next(seen) == touch else None)
        work()
        os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def test_a_kill_at_any_moment_of_a_save_leaves_the_old_checkpoint_or_the_new_one(tmp_path):
    def saved(folder, step):
        save_checkpoint(folder, step, {"a": torch.full((3,), float(step))}, {"loss": step / 10})

    ended_with = []
    for touch in range(200):
        folder = tmp_path / str(touch)
        saved(folder, 1)
        killed = killed_at(touch, lambda folder=folder: saved(folder, 2))
        tensors, state = load_checkpoint(folder)
        assert tensors["a"].tolist() == [float(state["step"])] * 3
        assert state["loss"] == state["step"] / 10
        ended_with.append(state["step"])
        saved(folder, 3)
        assert [path.name for path in folder.iterdir()] == ["step-000000003"]
        if not killed:
            break
    assert not killed
    assert ended_with == sorted(ended_with)  # old up to the rename, new from there on
    assert set(ended_with) == {1, 2}
    assert len(ended_with) > 8


def test_a_kill_at_any_moment_of_cleaning_up_leaves_the_checkpoint_or_none(tmp_path):
    found = []
    for touch in range(100):
        folder = tmp_path / str(touch) / "stage"
        save_checkpoint(folder, 1, {"a": torch.ones(3)}, {})
        killed = killed_at(touch, lambda folder=folder: remove_checkpoints(folder))
        found.append(load_checkpoint(folder) is not None)
        remove_checkpoints(folder)
        assert list(folder.parent.iterdir()) == []
        if not killed:
            break
    assert not killed
    assert found == sorted(found, reverse=True)
    assert set(found) == {True, False}
