"""The outside (模拟外部): member banks, clearing networks and WeChat Pay, in their own process.

It shares no code with the system and keeps its own book; docs/simulator.md tells how to use it.

book.py      one SQLite file, group commit       world.py     what every part is given
orders.py    orders as they stand                accounts.py  accounts, and money that moves
networks.py  the signed-JSON networks            conduct.py   what becomes of their orders
callbacks.py events, told until they are taken   agenda.py    what happens later
faults.py    misbehaviour by seed                acts.py      what people do by hand
wire.py      one exchange, its faults            server.py    bounds, dropped connections
reading.py   its book for comparison             keys.py, signing.py, clock.py, shapes.py, app.py
"""
