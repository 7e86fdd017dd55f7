"""Pure decisions: observed, desired, plan, outcome. No await; `now` is an argument."""
