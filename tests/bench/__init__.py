"""What requests cost, as multiples of a bare read and a bare write on the same machine.

Real server processes, one keep-alive client, CPU time read from the kernel's own clocks of the
server and of the database. Each operation is measured between two runs of its yardstick, so that
a machine that is slower for a while is slower for both. Nothing here asserts a time.
"""
