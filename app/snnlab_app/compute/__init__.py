"""Sessions and sweeps in processes of their own, and the page's end of them.

``remote`` is the page's side and ``worker`` the process's; neither imports panel.
"""
