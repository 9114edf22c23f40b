"""Device, number type and threads of the process that computes."""

import pytest

from emollama_hf.computing import process


def test_auto_is_the_cpu_in_float32_where_there_is_no_gpu() -> None:
    import torch

    expected = ("cuda", "float16-mixed") if torch.cuda.is_available() else ("cpu", "float32")
    assert (process.resolve_device("auto"), process.resolve_dtype("auto", "auto")) == expected


def test_an_unknown_device_is_refused_with_valid_ones() -> None:
    with pytest.raises(ValueError, match="'cpu'"):
        process.resolve_device("gpu")


def test_cuda_that_is_not_there_is_an_error_that_says_so() -> None:
    import torch

    if torch.cuda.is_available():
        assert process.resolve_device("cuda") == "cuda"
    else:
        with pytest.raises(ValueError, match="doctor"):
            process.resolve_device("cuda")


def test_a_gpu_that_is_not_among_those_of_the_machine_is_refused_with_those_that_are() -> None:
    for device, count in (("cuda", 1), ("cuda:0", 1), ("cuda:7", 8)):
        process.check_gpu(device, count)
    with pytest.raises(
        ValueError, match=r"device='cuda:7' was asked for, but torch sees 1 GPU here: expected 'cuda:0'"
    ):
        process.check_gpu("cuda:7", 1)
    with pytest.raises(ValueError, match=r"torch sees 2 GPUs here: expected 'cuda:0' to 'cuda:1'.*doctor"):
        process.check_gpu("cuda:2", 2)


def test_threads_of_this_process_are_left_alone() -> None:
    import torch

    before = torch.get_num_threads()
    assert not process.is_worker()
    process.prepare_to_compute()
    assert torch.get_num_threads() == before


def test_a_rank_chooses_a_gpu_and_nothing_else() -> None:
    import torch

    try:
        process.take_gpu(1)
        if torch.cuda.is_available():
            assert process.resolve_device("auto") == f"cuda:{1 % torch.cuda.device_count()}"
        assert process.resolve_device("cpu") == "cpu"
    finally:
        process.take_gpu(None)
