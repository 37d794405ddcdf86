"""`python -m api.cli`: the same as `zhangfang`."""

from api.cli import main

main()
