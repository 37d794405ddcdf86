"""The trading feed: CSV files of merchants, orders and refunds, read with suspicion, row by row.

    records.py    bytes → CSV records, the broken ones marked
    rows.py       one record → one typed row, or the reason why not
    sequence.py   which rows stay when some stand out of order
    table.py      one file, its header, its rows and rejects
    checkouts.py  rows of one order number → one checkout
    reader.py     files → checkouts and refunds in order of time
    rejects.py    what was refused, and the file it is written to
    generator.py  a synthetic feed of any size

Nothing here knows the ledger; the importer asks it.
"""

from api.operations.feed.generator import generate
from api.operations.feed.reader import Feed, read_feed
from api.operations.feed.rejects import Reject, write_rejected
from api.operations.feed.rows import Checkout, MerchantRow, OrderRow, RefundRow

__all__ = [
    "Checkout",
    "Feed",
    "MerchantRow",
    "OrderRow",
    "RefundRow",
    "Reject",
    "generate",
    "read_feed",
    "write_rejected",
]
