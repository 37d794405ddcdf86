"""Runs a trading feed through the real command handlers, business day by business day."""

from api.operations.importing.importer import Importer, ImportReport, Progress

__all__ = ["ImportReport", "Importer", "Progress"]
