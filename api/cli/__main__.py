"""`python -m api.cli`: the same as `zhangfang`."""

from api.cli.app import main

main()
