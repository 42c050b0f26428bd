"""Statements of the scrubber, by what they are about.

What is due is compared with `statement_timestamp()`: unlike `clock_timestamp()`, an index can be searched for it.
"""
