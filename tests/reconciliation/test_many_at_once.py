"""Several processes reconcile the same days at once; and thousands of lines that nobody knows."""

import threading
from pathlib import Path

from api.context import open_context
from api.operations.importing import HistoryChannel
from api.operations.reconciling.running import Books, Reconciler
from domain.refusals import Code, Refused
from tests.reconciliation.attacked import WECHAT, day_of, pay, town_of

MANY = 5_000  # Each is a difference of its own.


def test_two_processes_at_once_come_to_the_same(migrated_url: str, tmp_path: Path) -> None:
    failed: list[BaseException] = []
    with town_of(migrated_url, tmp_path) as town:
        for number in range(20):
            town.sell(f"{number}", 1_000)
        rows = [pay(f"{number}", 1_000 + number % 3) for number in range(2, 20)]
        strange = [pay(f"X{n}", 50, number=f"no-{n}", serial=f"X{n}") for n in range(20)]
        town.bill(0, *rows, *strange)
        town.no_more()

        def work() -> None:
            context = open_context(migrated_url, HistoryChannel())
            try:
                books = (context.ledger, context.engine, context.writes, context.projector)
                runner = Reconciler(Books(*books), "operator:lin", town.now)
                for count in (0, 1, 2, 0):
                    runner.run(day_of(count), WECHAT)
            except Refused as no:
                if no.code not in (Code.RECONCILIATION_STALE, Code.BUSY):
                    failed.append(no)
            except Exception as no:  # Told by the test's own thread.
                failed.append(no)
            finally:
                context.close()

        workers = [threading.Thread(target=work) for _ in range(3)]
        for one in workers:
            one.start()
        for one in workers:
            one.join()
        assert failed == []
        town.run()
        town.right()


def test_thousands_of_lines_that_nobody_knows(migrated_url: str, tmp_path: Path) -> None:
    with town_of(migrated_url, tmp_path) as town:
        town.bill(0, *(pay(f"{n}", 100, number=f"no-{n}", serial=f"X{n}") for n in range(MANY)))
        town.no_more()
        town.run(0)
        assert len(town.listed()) == MANY
        assert town.balance(f"2241.08.{WECHAT}") == MANY * 100 == town.billed_fen()
        town.bill(0)
        town.run(0)
        assert town.listed() == []
        town.run()
        town.right()
