"""`zhangfang bench subscriptions`: what listeners take of a server's memory and CPU, and how soon
they are told."""
