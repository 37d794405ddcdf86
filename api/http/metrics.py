"""Figures for Prometheus: what is counted when it happens costs a few additions per commit; the
rest is looked up when somebody asks.

Of several processes of a server any one answers for all: counters and connections are added up,
what is looked up in the database is the same for each.

Whoever may read them is an auditor or an operator: they tell how the institution's business goes,
a scraper can send a key, and behind a proxy everybody seems to come from the loopback.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping
from itertools import accumulate

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString
from sqlalchemy.exc import SQLAlchemyError

from api.context import AppContext
from api.http import shared
from api.http.connections import Crowd
from api.http.shared import BUCKETS, CODES, GUARDED, Place
from api.operations.webhooks import deliveries
from domain.eventstore.recorder import PersistenceError
from domain.ledger.answer import Answer
from domain.ledger.ledger import Batched
from projections.models.instructions import count_open

CONTENT_TYPE = "text/plain; version=1.0.0; charset=utf-8"
NS = 1_000_000_000
_BOUNDS_NS = [int(bound * NS) for bound in BUCKETS]
_REFUSED_AT = {code: shared.REFUSED + number for number, code in enumerate(CODES)}
_LABELS = [*map(floatToGoString, BUCKETS), "+Inf"]


_ANSWERS = {"plan": shared.PLANNED, "stock": shared.STOCK}
_SENT = {"delivered": shared.DELIVERED, "failed": shared.NOT_DELIVERED, "paused": shared.STOPPED}


class Metrics:
    """The figures of one server on one ledger, counted by this process in its `place`. `crowd` are
    its connections, if it has any; `queries` says how many GraphQL answers came of plans and of the
    stock executor."""

    def __init__(
        self, context: AppContext, place: Place | None = None, crowd: Crowd | None = None
    ) -> None:
        self.place = place or Place()
        self.crowd = crowd
        self._context = context
        self._rounds_before = self.place.row[shared.ROUNDS]  # Of a process that died.
        self._sent_before = [self.place.row[at] for at in _SENT.values()]
        self.queries: Callable[[], Mapping[str, int]] | None = None
        self.listeners: Callable[[], int] | None = None  # How many subscriptions there are.
        self._answers_before = [self.place.row[at] for at in _ANSWERS.values()]
        self._registry = CollectorRegistry()
        self._registry.register(_Looked(self, context))
        context.ledger.on_batch(self._batched)

    def text(self) -> bytes:
        """All of it, as Prometheus reads it. Asks the database: not for the event loop."""
        self.publish()
        return generate_latest(self._registry)

    def publish(self) -> None:
        """Say how things stand in this process, for whichever process is asked."""
        row, worker = self.place.row, self._context.worker
        if worker is not None:
            row[shared.WORKER] = shared.WORKER_STATES.index(worker.status.state)
            row[shared.ROUNDS] = self._rounds_before + worker.status.rounds
        if (deliverer := self._context.deliverer) is not None:
            for (what, at), before in zip(_SENT.items(), self._sent_before, strict=True):
                row[at] = before + getattr(deliverer.status, what)
        if self.queries is not None:
            counts = self.queries()
            for (by, at), before in zip(_ANSWERS.items(), self._answers_before, strict=True):
                row[at] = before + counts[by]
        if self.listeners is not None:
            row[shared.LISTENING] = self.listeners()
        row[shared.TROUBLE] = self._context.projector.trouble is not None
        self.place.beat()

    def _batched(self, batch: Batched) -> None:
        """In the committer's thread."""
        row = self.place.row
        row[shared.QUEUED + bisect_left(_BOUNDS_NS, batch.queued_ns)] += 1
        row[shared.QUEUED_NS] += batch.queued_ns
        row[shared.TOOK + bisect_left(_BOUNDS_NS, batch.took_ns)] += 1
        row[shared.TOOK_NS] += batch.took_ns
        if batch.answers is None:
            row[shared.FAILED] += 1
            return
        row[shared.COMMITS] += batch.commits
        row[shared.FACTS] += batch.facts
        row[shared.COMMANDS] += len(batch.answers)
        for one in batch.answers:
            if isinstance(one, Answer) and one.refused is not None:
                row[_REFUSED_AT[one.refused.code]] += 1


class _Looked(Collector):
    """What is looked up when it is asked for."""

    def __init__(self, metrics: Metrics, context: AppContext) -> None:
        self._place = metrics.place
        self._has_doors = metrics.crowd is not None
        self._context = context

    def describe(self) -> Iterator[Metric]:
        """Nothing beforehand: the database need not answer for the server to start."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        yield from self._counted()
        for look in (self._ledger, self._read_models, self._instructions, self._webhooks):
            try:
                yield from list(look())
            except (SQLAlchemyError, PersistenceError):
                continue  # Readiness says what is wrong; the other figures are there.
        yield from self._worker()
        yield from self._doors()

    def _counted(self) -> Iterator[Metric]:
        commits, facts, failed, commands, queued_ns, took_ns = self._place.figures.sums(
            shared.COMMITS, 6
        )
        yield _counter("zhangfang_commits", "Commits of this server.", commits)
        yield _counter("zhangfang_facts", "Facts committed by this server.", facts)
        yield _counter("zhangfang_commits_failed", "Turns that recorded nothing.", failed)
        yield _counter("zhangfang_commands", "Commands that were decided.", commands)
        refused = CounterMetricFamily(
            "zhangfang_refusals", "Commands refused, by code.", labels=["code"]
        )
        for code, count in self._place.refusals():
            refused.add_metric([code], count)
        yield refused
        answers = CounterMetricFamily(
            "zhangfang_graphql_answers", "Of plans, and of the stock executor.", labels=["by"]
        )
        for by, at in _ANSWERS.items():
            answers.add_metric([by], self._place.figures.sums(at, 1)[0])
        yield answers
        yield self._histogram(
            "zhangfang_queue_seconds", "From arrival to the committer.", shared.QUEUED, queued_ns
        )
        yield self._histogram(
            "zhangfang_commit_seconds", "To decide and write one batch.", shared.TOOK, took_ns
        )

    def _histogram(self, name: str, said: str, first: int, sum_ns: int) -> Metric:
        counts = accumulate(self._place.figures.sums(first, len(_LABELS)))
        buckets = list(zip(_LABELS, counts, strict=True))
        return HistogramMetricFamily(name, said, buckets=buckets, sum_value=sum_ns / NS)

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

    def _webhooks(self) -> Iterator[Metric]:
        delivered, failed, paused = self._place.figures.sums(shared.DELIVERED, 3)
        requests = CounterMetricFamily(
            "zhangfang_webhook_requests", "Made to endpoints.", labels=["result"]
        )
        requests.add_metric(["delivered"], delivered)
        requests.add_metric(["failed"], failed)
        yield requests
        yield _counter("zhangfang_webhook_pauses", "Endpoints paused by the deliverer.", paused)
        with self._context.engine.connect() as connection:
            found = deliveries.waiting(connection)
        yield _gauge("zhangfang_webhook_waiting", "Deliveries begun and not arrived.", found)

    def _worker(self) -> Iterator[Metric]:
        """Only the first process has one."""
        row = self._place.figures.row(0)
        if state := row[shared.WORKER]:
            yield _counter(
                "zhangfang_worker_rounds", "Rounds the worker finished.", row[shared.ROUNDS]
            )
            trouble = int(shared.WORKER_STATES[state] == "trouble")
            yield _gauge("zhangfang_worker_trouble", "1: its last round failed.", trouble)

    def _doors(self) -> Iterator[Metric]:
        if not self._has_doors:
            return
        figures = self._place.figures
        [now_open] = figures.sums(shared.OPEN, 1)
        yield _gauge("zhangfang_connections", "Open connections.", now_open)
        [listening] = figures.sums(shared.LISTENING, 1)
        yield _gauge("zhangfang_listeners", "Subscriptions among them.", listening)
        refused = CounterMetricFamily(
            "zhangfang_connections_refused", "Closed by the guard.", labels=["status"]
        )
        counts = figures.sums(shared.TURNED_AWAY, len(GUARDED))
        for status, count in zip(GUARDED, counts, strict=True):
            if count:
                refused.add_metric([str(status)], count)
        yield refused
        if not self._place.alone:
            yield _gauge("zhangfang_processes", "That serve.", self._place.answering())


def _counter(name: str, said: str, value: int) -> Metric:
    return CounterMetricFamily(name, said, value=value)


def _gauge(name: str, said: str, value: int) -> Metric:
    return GaugeMetricFamily(name, said, value=value)


def _labelled(name: str, said: str, label: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, said, labels=[label])
