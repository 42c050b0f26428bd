"""HTTP in, HTTP out: handlers parse, act and render, and decide nothing."""
