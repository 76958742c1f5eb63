"""The roles of a worker: who runs functions, who holds the session, who beats, who renews, who keeps results, who
logs.
"""
