"""A shop in the box (盒中店): three merchants' goods, sold through the cashier as shops do.

It knows the institution by its public HTTP API alone, as any shop does, and of the simulator it
takes nothing but the server of pages. `python -m simulator.shop --directory DIR`.

shelf.py    what is sold            institution.py  orders, sessions, refunds, questions over HTTP
memory.py   what the shop keeps     hearing.py      webhooks: endpoints registered, events verified
pages.py    the pages               __main__.py     the program
"""
