"""The demo's input is real and its order is seeded."""

import ast
from itertools import islice
from pathlib import Path

from regrow.cli.demo import functions
from regrow.cli.demo.workload import jobs, library_files


def test_the_standard_library_is_found_with_the_library_proper_first() -> None:
    files = library_files()
    assert ast.__file__ in files
    assert len(files) > 300
    assert files.index(ast.__file__) < 800


def test_each_file_gets_three_jobs_and_the_gil_is_held_now_and_then() -> None:
    made = list(jobs(["a.py", "b.py"], seed=1, gil_every=4, gil_terms=10))
    assert [job.function for job in made].count("hold_the_gil") == 1
    assert len(made) == 7
    assert {job.argument for job in made if job.function == "compress"} == {"a.py", "b.py"}


def test_the_same_seed_gives_the_same_order() -> None:
    files = library_files()
    first, again, other = (list(islice(jobs(files, seed=seed, gil_every=9), 100)) for seed in (1, 1, 2))
    assert first == again != other


def test_the_functions_measure_a_real_file() -> None:
    assert functions.measure_complexity(ast.__file__)["functions"] > 10
    assert functions.count_tokens(ast.__file__)["NAME"] > 100
    sizes = functions.compress(ast.__file__)
    assert 0 < sizes["lzma"] < sizes["bytes"]
    assert functions.hold_the_gil(1000) == 499500


def test_a_file_that_cannot_be_parsed_is_counted_not_raised(tmp_path: Path) -> None:
    broken = tmp_path / "broken.py"
    broken.write_text("def (:\n")
    assert functions.measure_complexity(str(broken)) == {"unparsable": 1}
    assert functions.count_tokens(str(broken)) == {"unparsable": 1}
