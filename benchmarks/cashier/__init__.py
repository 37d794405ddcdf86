"""The cashier's pages under load.

pages.py     a browser by hand: cookies, forms, and what a stream tells
prepared.py  the ledger and the outside that they are measured on
told.py      pages that are told by streams: memory, CPU at rest, how soon
paying.py    so many payers at once, from session to result; a bare page of the same size
serving.py   the same server, with that bare page
measuring.py one run
"""
