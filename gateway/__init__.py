"""The gateway: who a person is, which chatbots are theirs, and why."""
