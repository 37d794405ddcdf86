"""What a query costs by GraphQL, beside the stock executor and a hand-written route.

Read `measuring.py` first. `queries.py` says what is asked, `floor.py` how one SQL statement answers
the same, `serving.py` is the server with another executor, `ledgers.py` makes what is read.
"""
