"""Bills and statements: what a channel, or the bank, says of a day once the day is over.

days.py       days, when their bills are there      chance.py    how a day's bills misbehave
lines.py      the lines of a day, out of the book   desk.py      files: written once, and kept
written.py    the kinds of files, in one table      serving.py   handing them out
settling.py   what is owed for a day, sessions      reserve.py   what moved on the reserve account
doors.py      the endpoints of signed JSON

wechat_trade.py, wechat_fund.py, unionpay_zm.py, jd_pay.py, camt053.py: one layout each, streamed.
"""
