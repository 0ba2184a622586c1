"""Reference models: chance below, and an oracle above."""
