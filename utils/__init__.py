"""The small package behind the course on Class Activation Mapping.

Read `cam` first: it is the whole mathematics. Every other module serves it.
"""
