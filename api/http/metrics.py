"""Figures for Prometheus, of this process: what is counted when it happens costs a few additions
per commit; the rest is looked up when somebody asks.

Whoever may read them is an auditor or an operator: they tell how the institution's business goes,
a scraper can send a key, and behind a proxy everybody seems to come from the loopback.
"""

from collections import Counter as Counts
from collections.abc import Callable, Iterator, Mapping

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy.exc import SQLAlchemyError

from api.context import AppContext
from api.http.connections import Crowd
from domain.eventstore.recorder import PersistenceError
from domain.ledger.answer import Answer
from domain.ledger.ledger import Batched
from projections.models.instructions import count_open

CONTENT_TYPE = "text/plain; version=1.0.0; charset=utf-8"
NS = 1_000_000_000
BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class Metrics:
    """The figures of one server on one ledger. `crowd` are its connections, if it has any;
    `queries` says how many GraphQL answers came of plans and of the stock executor."""

    def __init__(self, context: AppContext) -> None:
        self.crowd: Crowd | None = None
        self.queries: Callable[[], Mapping[str, int]] | None = None
        self.registry = CollectorRegistry()
        self._commits = self._counter("zhangfang_commits", "Commits of this process.")
        self._facts = self._counter("zhangfang_facts", "Facts committed by this process.")
        self._failed = self._counter("zhangfang_commits_failed", "Turns that recorded nothing.")
        self._requests = self._counter("zhangfang_commands", "Commands that were decided.")
        self._refused = Counter(
            "zhangfang_refusals", "Commands refused, by code.", ["code"], registry=self.registry
        )
        self._queued = self._histogram("zhangfang_queue_seconds", "From arrival to the committer.")
        self._took = self._histogram("zhangfang_commit_seconds", "To decide and write one batch.")
        self.registry.register(_Looked(self, context))
        context.ledger.on_batch(self._batched)

    def text(self) -> bytes:
        """All of it, as Prometheus reads it. Asks the database: not for the event loop."""
        return generate_latest(self.registry)

    def _counter(self, name: str, said: str) -> Counter:
        return Counter(name, said, registry=self.registry)

    def _histogram(self, name: str, said: str) -> Histogram:
        return Histogram(name, said, buckets=BUCKETS, registry=self.registry)

    def _batched(self, batch: Batched) -> None:
        """In the committer's thread."""
        self._queued.observe(batch.queued_ns / NS)
        self._took.observe(batch.took_ns / NS)
        if batch.answers is None:
            self._failed.inc()
            return
        self._commits.inc(batch.commits)
        self._facts.inc(batch.facts)
        self._requests.inc(len(batch.answers))
        codes = [
            one.refused.code
            for one in batch.answers
            if isinstance(one, Answer) and one.refused is not None
        ]
        for code, count in Counts(codes).items():
            self._refused.labels(code.value).inc(count)


class _Looked(Collector):
    """What is looked up when it is asked for."""

    def __init__(self, metrics: Metrics, context: AppContext) -> None:
        self._metrics = metrics
        self._context = context

    def describe(self) -> Iterator[Metric]:
        """Nothing beforehand: the database need not answer for the server to start."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        for look in (self._ledger, self._read_models, self._instructions):
            try:
                yield from list(look())
            except (SQLAlchemyError, PersistenceError):
                continue  # Readiness says what is wrong; the other figures are there.
        yield from self._worker()
        yield from self._doors()
        yield from self._queries()

    def _ledger(self) -> Iterator[Metric]:
        head = self._context.ledger.head()
        yield _gauge("zhangfang_position", "Last position of the log.", head.position)

    def _read_models(self) -> Iterator[Metric]:
        behind = _labelled("zhangfang_read_model_lag_facts", "Facts not yet in the rows.", "model")
        since = _labelled("zhangfang_read_model_lag_seconds", "Age of the oldest of them.", "model")
        running = _labelled("zhangfang_read_model_running", "1: running, 0: paused.", "model")
        for one in self._context.projector.status(self._context.clock()):
            behind.add_metric([one.name], one.lag_events)
            since.add_metric([one.name], one.lag_seconds)
            running.add_metric([one.name], int(one.state == "running"))
        yield from (behind, since, running)

    def _instructions(self) -> Iterator[Metric]:
        found = _labelled("zhangfang_open_instructions", "Without a final outcome.", "state")
        with self._context.engine.connect() as connection:
            for state, count in count_open(connection).items():
                found.add_metric([state], count)
        yield found

    def _worker(self) -> Iterator[Metric]:
        worker = self._context.worker
        if worker is not None:
            rounds = CounterMetricFamily("zhangfang_worker_rounds", "Rounds the worker finished.")
            rounds.add_metric([], worker.status.rounds)
            yield rounds
            trouble = int(worker.status.state == "trouble")
            yield _gauge("zhangfang_worker_trouble", "1: its last round failed.", trouble)

    def _doors(self) -> Iterator[Metric]:
        crowd = self._metrics.crowd
        if crowd is not None:
            yield _gauge("zhangfang_connections", "Open connections.", crowd.open)
            refused = CounterMetricFamily(
                "zhangfang_connections_refused", "Closed by the guard.", labels=["status"]
            )
            for status, count in sorted(crowd.refused.items()):
                refused.add_metric([str(status)], count)
            yield refused

    def _queries(self) -> Iterator[Metric]:
        if self._metrics.queries is not None:
            answers = CounterMetricFamily(
                "zhangfang_graphql_answers", "Of plans, and of the stock executor.", labels=["by"]
            )
            for by, count in self._metrics.queries().items():
                answers.add_metric([by], count)
            yield answers


def _gauge(name: str, said: str, value: int) -> Metric:
    return GaugeMetricFamily(name, said, value=value)


def _labelled(name: str, said: str, label: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, said, labels=[label])
