"""WeChat Pay, API v3 (微信支付): the real protocol, played.

door.py      who asks, errors, the table of doors   signing.py   RSA signatures, AES-GCM, secrets
payments.py  native and partner orders              combined.py  combined orders (合单)
refunds.py   refunds, abnormal ones too             conduct.py   what payers and banks do
bills.py     trade bills and fund bills
shapes.py    how an order is told                   wishes.py    bodies of requests
"""
