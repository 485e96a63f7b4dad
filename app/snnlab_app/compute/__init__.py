"""Sessions and sweeps in separate processes, and the page's interface to them.

``remote`` is the page's side and ``worker`` the process's; neither imports panel.
"""
