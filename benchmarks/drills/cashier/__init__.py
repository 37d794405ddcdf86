"""`zhangfang drill cashier`: many payers at once at the cashier's pages, whose server is killed.

browser.py   pages as a browser has them: forms, cookies, redirects, what a stream tells
payers.py    what payers do, drawn by the seed
judging.py   what became of each session, by either side's book and by the pages
drill.py     one run
"""
