"""The trading feed: CSV files of merchants, orders and refunds, read with suspicion.

    opening.py    a file's bytes, unzipped; damage is a refusal
    encoding.py   in what encoding a file is, found out from all of it
    records.py    bytes → CSV records, the broken ones marked
    mapping.py    other programs' columns, times and amounts → ours
    terms.py      how merchants are settled, beside their file
    rows.py       one record → one typed row, or the reason why not
    table.py      one file, its header, its rows and rejects
    checkouts.py  rows of one order number → one checkout
    sorting.py    more rows than memory holds, sorted on disk
    reader.py     files → checkouts and refunds in order of time
    rejects.py    what was refused or late, and the lists that say so
    generator.py  a synthetic feed of any size

Nothing here knows the ledger; the importer asks it.
"""

from api.operations.feed.generator import generate
from api.operations.feed.mapping import FeedMap, read_map
from api.operations.feed.reader import Feed, read_feed
from api.operations.feed.rejects import Late, Reject, Rejects
from api.operations.feed.rows import FeedOrder, MerchantRow, OrderRow, RefundRow

__all__ = [
    "Feed",
    "FeedMap",
    "FeedOrder",
    "Late",
    "MerchantRow",
    "OrderRow",
    "RefundRow",
    "Reject",
    "Rejects",
    "generate",
    "read_feed",
    "read_map",
]
