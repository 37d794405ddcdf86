"""Runs a trading feed through the real command handlers, business day by business day.

checks.py    what stops an import before anything is booked
forecast.py  what it would book and refuse
importer.py  merchants, then days
wave.py      some hundred rows of a day, in three commits
attempts.py  what was refused once and may come again
history.py   the channel that says what a feed says
"""

from api.operations.importing.forecast import FileForecast, Forecast, foresee
from api.operations.importing.history import HistoryChannel
from api.operations.importing.importer import Importer, ImportReport, Progress

__all__ = [
    "FileForecast",
    "Forecast",
    "HistoryChannel",
    "ImportReport",
    "Importer",
    "Progress",
    "foresee",
]
