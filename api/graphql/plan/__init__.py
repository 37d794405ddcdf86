"""Queries as plans: a selection is compiled once, to SQL and to one function that writes its JSON.

Read `plans.py` first: what a request goes through. `selecting.py` makes one tree of a document;
`declared.py` says how fields are read, `levels.py` reads the rows of a type and what is below them,
`pages.py` and `roots.py` the root fields; `coding.py` makes functions of selections, and `books.py`
are the connections.
"""
