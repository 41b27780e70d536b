"""The REST APIs of an instance, a module each.

A module's `routes(instance)` names, below the API's own path, its endpoints by path and method.
"""
