"""Counters and histograms are read as prometheus_client reads them, with far fewer calls."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.parser import text_string_to_metric_families

from morpheus.django_internals.prometheus_client import Family, SharedFamilies

# A process that shares its metrics, and adds to them for each line that it reads.
PROCESS = """
import os, sys
from prometheus_client import Counter, Gauge, Histogram
number = int(sys.argv[1])
requests = Counter("requests", "A counter with a \\\\ and a\\nnewline.", ["route", "status"])
seconds = Histogram("seconds", "A histogram.", ["route"], buckets=(0.1, 1, 10))
plain = Histogram("plain", "Without labels.", buckets=(1,))
bytes_ = Counter("bytes", "Without labels.")
Gauge("size", "A gauge.", multiprocess_mode="livesum").set(number)
def add(round):
    for route in [f"GET /{round}/", "common", 'quo"ted\\\\ \\n'][: number + 1]:
        requests.labels(route, "200").inc(number)
        seconds.labels(route).observe(number / 2)
        seconds.labels(route).observe(1e9)
    plain.observe(number)
    bytes_.inc(0.25)
    print(round, flush=True)
for round in sys.stdin:
    add(round.strip())
"""


@pytest.fixture
def start_process(tmp_path: Path) -> Iterator[Callable[[int], Callable[[str], None]]]:
    """Start processes that share their metrics in `tmp_path`."""
    processes: list[Any] = []

    def start(number: int) -> Callable[[str], None]:
        process = subprocess.Popen(
            [sys.executable, "-c", PROCESS, str(number)],
            env=os.environ | {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )
        processes.append(process)
        stdin, stdout = process.stdin, process.stdout
        assert stdin and stdout

        def add(name: str) -> None:
            stdin.write(f"{name}\n")
            assert stdout.readline() == f"{name}\n"

        return add

    yield start
    for process in processes:
        process.communicate()


def read_page(families: Iterable[Family], others: Iterable[Metric]) -> dict[Any, Any]:
    """Return the samples on the page of /metrics, and the texts about them."""

    class List(CollectorRegistry):
        def collect(self) -> Iterable[Metric]:
            return others

    return parse("".join(family.format() for family in families) + generate_latest(List()).decode())


def parse(page: str) -> dict[Any, Any]:
    return {
        (
            family.name,
            family.type,
            family.documentation,
            sample.name,
            *sorted(sample.labels.items()),
        ): (sample.value)
        for family in text_string_to_metric_families(page)
        for sample in family.samples
        # The start times of counters; several processes together do not have them.
        if not family.name.endswith("_created")
    }


def test_files_of_several_processes_are_added_up_while_they_grow(
    start_process: Any, tmp_path: Path
) -> None:
    reader = SharedFamilies(tmp_path)
    assert reader.read() == []

    def compare() -> int:
        expected = CollectorRegistry()
        MultiProcessCollector(expected, str(tmp_path))  # type: ignore[no-untyped-call]
        page = read_page(reader.read(), reader.collect_others())
        assert page == parse(generate_latest(expected).decode())
        return len(page)

    first = start_process(1)
    first("one")
    sizes = [compare()]
    second = start_process(2)
    for number in range(300):  # Beyond the first 64 KB of a file.
        second(f"many{number}")
    sizes.append(compare())
    first("two")
    first("one")
    sizes.append(compare())

    assert sizes == sorted(set(sizes))
    samples = {
        (sample.name, *sample.labels.values()): sample.value
        for family in reader.read()
        for sample in family.as_metric({"requests_total", "seconds_sum"}).samples
    }
    assert samples["requests_total", "common", "200"] == 3 + 300 * 2
    assert {name for name, *_ in samples} == {"requests_total", "seconds_sum"}


def test_a_scrape_makes_nothing_anew_for_a_sample(start_process: Any, tmp_path: Path) -> None:
    """Counted in calls of functions, which take no longer on a busy machine."""
    add = start_process(2)
    for route in range(300):
        add(str(route))
    expected = CollectorRegistry()
    MultiProcessCollector(expected, str(tmp_path))  # type: ignore[no-untyped-call]
    reader = SharedFamilies(tmp_path)

    def scrape() -> str:
        return "".join(family.format() for family in reader.read())

    assert scrape().count("\n") > 300 * 5
    add("7")
    assert count_calls(scrape) < 300
    assert count_calls(lambda: generate_latest(expected)) > 100 * 300


def count_calls(call: Callable[[], Any]) -> int:
    calls = 0

    def count(frame: Any, event: str, argument: Any) -> None:
        nonlocal calls
        calls += event == "call"

    sys.setprofile(count)
    try:
        call()
    finally:
        sys.setprofile(None)
    return calls
