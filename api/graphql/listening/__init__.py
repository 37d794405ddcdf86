"""Subscriptions: who listens is told when something has changed (`docs/graphql.md`, ADR 38).

    commit of read models ─▶ Arrivals ─▶ hub: one query, which of those listened to changed?
                                          │ wakes the listeners concerned, and no others
                                          ▼
    listener: page of changes after its position ─▶ the query's own answer ─▶ an event of the stream

`feeds.py` says what each field of Subscription listens to, `rewriting.py` makes the query that
answers it, `hub.py` knows who listens to what, `listener.py` is one of them, `answering.py` the
protocol.
"""
