"""`zhangfang drill channels`: the system and the outside, as processes on one clock, under faults.

clocked.py    the system: a server whose clock has a factor, killed at positions that were drawn
outside.py    the simulator, as a process
system.py     the server, as a process that is started again when it was killed
traffic.py    what buyers and merchants do, drawn by the seed, over REST
resting.py    time goes on until both are at rest, and people do what waits for them
comparing.py  the simulator's book and ours, instruction by instruction and in total
drill.py      all of it, and what it comes to
"""
