import threading
import time
from contextlib import contextmanager

import pytest
import torch

from langevin_sgd.one_thread import one_torch_thread
from langevin_sgd.training.threads import Workers, shares


def test_shares_cover_the_range_and_start_at_multiples_of_sixteen():
    for count in (1, 2, 15, 16, 17, 31, 32, 33, 64, 100):
        for workers in (1, 2, 3, 5, 100):
            pieces = shares(count, workers)
            assert [i for piece in pieces for i in range(count)[piece]] == list(range(count))
            assert len(pieces) == max(1, min(workers, count // 16))
            assert all(piece.start % 16 == 0 for piece in pieces)
            sizes = [piece.stop - piece.start for piece in pieces]
            assert max(sizes) - min(sizes) <= 31


def test_map_keeps_the_order_and_runs_on_one_core_each():
    before = torch.get_num_threads()
    together = threading.Barrier(3)

    def look(i: int) -> tuple[int, int, int]:
        if i < 3:
            together.wait(timeout=30)
        return i, torch.get_num_threads(), threading.get_ident()

    with Workers(3) as workers:
        found = workers.map(look, list(range(6)))
    assert [i for i, _, _ in found] == list(range(6))
    assert {cores for _, cores, _ in found} == {1}
    assert len({thread for _, _, thread in found}) == 3
    assert torch.get_num_threads() == before


def test_more_items_than_threads_are_shared_out():
    with Workers(2) as workers:
        assert workers.map(lambda i: i * i, list(range(101))) == [i * i for i in range(101)]
        assert workers.map(lambda i: i, []) == []


def test_no_more_threads_than_asked_for_are_at_work():
    with Workers(3) as workers:
        alone = workers.map(lambda _: threading.get_ident(), list(range(20)), at_most=1)
        assert set(alone) == {threading.get_ident()}
        two = workers.map(lambda _: time.sleep(0.01) or threading.get_ident(), list(range(20)), at_most=2)
        assert len(set(two)) == 2
        assert workers.map(lambda i: i, list(range(5)), at_most=100) == list(range(5))


def test_after_an_error_the_rest_is_left():
    done = []

    def fail(i: int) -> None:
        done.append(i)
        raise ValueError(str(i))

    with Workers(2) as workers, pytest.raises(ValueError):
        workers.map(fail, list(range(100)))
    assert len(done) <= 2


def test_what_a_thread_raises_arrives():
    def fail(i: int) -> int:
        if i == 1:
            raise ValueError("from a thread")
        return i

    with Workers(2) as workers, pytest.raises(ValueError, match="from a thread"):
        workers.map(fail, [0, 1])


def test_the_number_of_threads_is_put_back_after_an_error():
    before = torch.get_num_threads()
    with pytest.raises(KeyError), one_torch_thread():
        raise KeyError
    assert torch.get_num_threads() == before


def test_matrix_products_stay_on_one_thread_until_the_slowest_is_done(monkeypatch):
    """The number of threads is the process's: given back too soon it changes the rounding of those still at work."""
    told: list[str] = []
    begun = threading.Event()

    @contextmanager
    def followed():
        yield
        told.append("given back")

    def share(item: int) -> None:
        if threading.current_thread() is threading.main_thread():
            assert begun.wait(10.0)
            return
        begun.set()
        time.sleep(0.2)
        told.append("done")

    monkeypatch.setattr("langevin_sgd.training.threads.one_torch_thread", followed)
    with Workers(2) as workers:
        workers.map(share, [0, 1])
    assert told == ["done", "given back"]
