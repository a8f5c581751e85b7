"""Private parts of prometheus_client: its counters and histograms, at a tenth of the CPU time.

At each scrape, `generate_latest` makes an object, a dict of labels and a text of each sample. A
server that has served every route has thousands. Here they are made once, and a scrape reads the
values alone from the files in which processes share their metrics.
"""

from __future__ import annotations

import os
import struct
from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import accumulate, pairwise
from pathlib import Path

import orjson
from prometheus_client import Histogram
from prometheus_client.core import Metric
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.utils import floatToGoString

Labels = dict[str, str]

# They begin the names of files.
_KINDS = ("counter", "histogram")

# A file begins with the number of bytes in use. Then come entries: the length of the key, the key
# with spaces up to a multiple of 8 bytes, the value and its time.
_HEAD_BYTES = 8
_LENGTH_BYTES = 4
_NUMBERS_BYTES = 16
_read_integer = struct.Struct("i").unpack_from


def observe_many(histogram: Histogram, values: Iterable[float]) -> None:
    """Observe values; the same as `observe` for each one, with one update of each bucket.

    `observe` goes through the buckets and takes two locks for each value.
    """
    ordered = sorted(values)
    histogram._sum.inc(sum(ordered))
    counts = [bisect_right(ordered, bound) for bound in histogram._upper_bounds]
    for bucket, (below, count) in zip(histogram._buckets, pairwise([0, *counts]), strict=True):
        if count > below:
            bucket.inc(count - below)


@dataclass(slots=True)
class Family:
    """A counter or a histogram with all its samples.

    Attributes:
        sources: For each series, the places of its values: the total of a counter; the buckets of a
            histogram, which are not cumulative, and its sum.
        names, labels, texts, values: Of each sample. Its text is its line without the value.
    """

    name: str
    kind: str
    help: str
    sources: list[list[int]] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    labels: list[Labels] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    values: list[float] = field(default_factory=list)

    def add_series(self, labels: Labels, sources: list[int], edges: Iterable[float] = ()) -> None:
        """Add a series; a histogram has a bucket up to each edge."""
        self.sources.append(sources)
        if self.kind == "counter":
            self._add_sample("_total", labels)
            return
        for edge in edges:
            text = floatToGoString(edge)  # type: ignore[no-untyped-call]
            self._add_sample("_bucket", labels | {"le": text})
        self._add_sample("_count", labels)
        self._add_sample("_sum", labels)

    def _add_sample(self, suffix: str, labels: Labels) -> None:
        name = self.name + suffix
        pairs = ",".join(f'{key}="{_escape(value)}"' for key, value in sorted(labels.items()))
        self.names.append(name)
        self.labels.append(labels)
        self.texts.append(f"{name}{{{pairs}}} " if pairs else f"{name} ")

    def read(self, all_values: Sequence[float]) -> None:
        """Read the values from the values of all families."""
        values: list[float] = []
        for sources in self.sources:
            numbers = [*map(all_values.__getitem__, sources)]
            if self.kind == "histogram":
                total = numbers.pop()
                numbers = [*accumulate(numbers)]
                numbers += (numbers[-1], total)
            values += numbers
        self.values = values

    def format(self) -> str:
        """Return the family's part of the page of `/metrics`."""
        name = f"{self.name}_total" if self.kind == "counter" else self.name
        text = self.help.replace("\\", r"\\").replace("\n", r"\n")
        head = f"# HELP {name} {text}\n# TYPE {name} {self.kind}\n"
        pairs = zip(self.texts, self.values, strict=True)
        return head + "".join([f"{text}{value!r}\n" for text, value in pairs])

    def as_metric(self, names: Collection[str] | None = None) -> Metric:
        """Return the samples with these names, or all, as prometheus_client does."""
        metric = Metric(self.name, self.help, self.kind)
        for name, labels, value in zip(self.names, self.labels, self.values, strict=True):
            if names is None or name in names:
                metric.add_sample(name, labels, value)
        return metric


def _escape(value: str) -> str:
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def forget_dead_processes(folder: Path) -> None:
    """Drop live gauges of processes that ended; counters stay, or they would decrease.

    `mark_process_dead` is for a server that tells which process ended. granian does not, so the
    names of the files tell.
    """
    for pid in {int(path.stem.rsplit("_", 1)[1]) for path in folder.glob("gauge_live*.db")}:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            mark_process_dead(pid, str(folder))  # type: ignore[no-untyped-call]


class SharedFamilies:
    """Reads the counters and histograms of all processes that share a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: dict[tuple[str, int], _SharedFile] = {}
        # Places of the keys in the list of all values.
        self._places: dict[bytes, int] = {}
        # By name and labels: the place of each sample, by the edge of its bucket; None: no bucket.
        self._series: dict[str, dict[tuple[tuple[str, str], ...], dict[float | None, int]]] = {}
        self._families: dict[str, Family] = {}

    def read(self) -> list[Family]:
        """Return the families; their values are the sums over all processes, living and dead."""
        contents = []
        for kind in _KINDS:
            for path in sorted(self._folder.glob(f"{kind}_*.db")):
                file = self._files.setdefault((path.name, path.stat().st_ino), _SharedFile())
                contents.append((file, file.read(path, partial(self._place, kind))))
        values = [0.0] * len(self._places)
        for file, numbers in contents:
            for place, position in zip(file.places, file.positions, strict=True):
                values[place] += numbers[position]
        for family in self._families.values():
            if not family.sources:
                self._add_series(family)
            family.read(values)
        return [*self._families.values()]

    def collect_others(self) -> list[Metric]:
        """Return all other metrics; gauges without the processes that ended."""
        forget_dead_processes(self._folder)
        kinds = tuple(f"{kind}_" for kind in _KINDS)
        files = [path for path in self._folder.glob("*.db") if not path.name.startswith(kinds)]
        return [*MultiProcessCollector.merge(map(str, files))]  # type: ignore[no-untyped-call]

    def _place(self, kind: str, key: bytes) -> int:
        """Return the place of a key's value, a new one for a new key."""
        if key not in self._places:
            self._places[key] = len(self._places)
            name, _, labels, text = orjson.loads(key)
            edge = float(labels.pop("le")) if "le" in labels else None
            series = self._series.setdefault(name, {}).setdefault(tuple(labels.items()), {})
            series[edge] = self._places[key]
            # It is made again with all series, because this one may lie between others.
            self._families[name] = Family(name, kind, text)
        return self._places[key]

    def _add_series(self, family: Family) -> None:
        for labels, places in self._series[family.name].items():
            edges = sorted(edge for edge in places if edge is not None)
            if edges or family.kind == "counter":
                family.add_series(dict(labels), [places[edge] for edge in (*edges, None)], edges)


class _SharedFile:
    """The entries of the file of one process, which only grows.

    Attributes:
        positions: Of the values, in units of 8 bytes.
        places: Of their keys in the list of all values.
    """

    def __init__(self) -> None:
        self.positions: list[int] = []
        self.places: list[int] = []
        self._read_bytes = _HEAD_BYTES

    def read(self, path: Path, place: Callable[[bytes], int]) -> memoryview[float]:
        """Return the content as numbers; `place` returns the place of the value of a new key."""
        content = path.read_bytes()
        (used,) = _read_integer(content)
        position = self._read_bytes
        while position < used:
            (length,) = _read_integer(content, position)
            position += _LENGTH_BYTES
            self.places.append(place(content[position : position + length]))
            position += length + 8 - (length + _LENGTH_BYTES) % 8
            self.positions.append(position // 8)
            position += _NUMBERS_BYTES
        self._read_bytes = position
        return memoryview(content)[: len(content) // 8 * 8].cast("d")
