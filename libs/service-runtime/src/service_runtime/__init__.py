"""What every service needs, in one way: settings, logs, metrics, HTTP with deadlines, back-off, limits, start and stop.

Services differ in what they do, not in how they start, refuse a bad configuration, log, count, listen or end.
Each concept is one module of this package; none of them knows any service.
"""
