"""Queries as plans: a selection is compiled once, to SQL and to one function that writes its JSON.

Read `plans.py` first: what a request goes through. `selecting.py` makes one tree of a document,
`coding.py` a function of a tree, `roots.py` says what a root field reads, `books.py` reads it.
"""
